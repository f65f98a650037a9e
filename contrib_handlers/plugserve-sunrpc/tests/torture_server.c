/* A server as rpcgen makes one, on free ports, not registered anywhere: the ports on stdout. */
#include <rpc/rpc.h>
#include <stdio.h>
#include <string.h>
#include "torture.h"

extern void torture_prog_1(struct svc_req *, register SVCXPRT *);

void *torture_null_1_svc(struct svc_req *request)
{
    static char nothing;
    return &nothing;
}

torture *torture_echo_1_svc(torture value, struct svc_req *request)
{
    static torture result;
    result = value;
    return &result;
}

quad_t *torture_sum_1_svc(int one, quad_t two, struct svc_req *request)
{
    static quad_t result;
    result = one + two;
    return &result;
}

text *torture_join_1_svc(text one, struct svc_req *request)
{
    static char buffer[100];
    static text result = buffer;
    snprintf(buffer, sizeof buffer, "%.20s %d", one, request->rq_cred.oa_flavor);
    return &result;
}

void *torture_forget_1_svc(color one, struct svc_req *request)
{
    static char nothing;
    return &nothing;
}

int main(void)
{
    SVCXPRT *udp = svcudp_bufcreate(RPC_ANYSOCK, 60000, 60000), *tcp = svctcp_create(RPC_ANYSOCK, 0, 0);

    if (udp == NULL || tcp == NULL || !svc_register(udp, TORTURE_PROG, TORTURE_V1, torture_prog_1, 0) ||
        !svc_register(tcp, TORTURE_PROG, TORTURE_V1, torture_prog_1, 0))
        return 1;
    printf("%d %d\n", udp->xp_port, tcp->xp_port);
    fflush(stdout);
    svc_run();
    return 1;
}
