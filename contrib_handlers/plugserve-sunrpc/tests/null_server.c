/* A server as rpcgen makes one, on free ports, not registered anywhere: the ports on stdout, UDP first. */
#include <rpc/rpc.h>
#include <stdio.h>
#include "null.h"

extern void figures_prog_1(struct svc_req *, register SVCXPRT *);

void *figures_null_1_svc(struct svc_req *request)
{
    static char nothing;
    return &nothing;
}

int main(void)
{
    SVCXPRT *udp = svcudp_create(RPC_ANYSOCK), *tcp = svctcp_create(RPC_ANYSOCK, 0, 0);

    if (udp == NULL || tcp == NULL || !svc_register(udp, FIGURES_PROG, FIGURES_V1, figures_prog_1, 0) ||
        !svc_register(tcp, FIGURES_PROG, FIGURES_V1, figures_prog_1, 0))
        return 1;
    printf("%d %d\n", udp->xp_port, tcp->xp_port);
    fflush(stdout);
    svc_run();
    return 1;
}
