/* A client as rpcgen makes one: torture_client tcp|udp PORT < packed torture > packed torture; the other results on
 * stderr. */
#include <arpa/inet.h>
#include <rpc/rpc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "torture.h"

int main(int argc, char **argv)
{
    static char input[1 << 20], output[1 << 20];
    size_t size = fread(input, 1, sizeof input, stdin);
    struct sockaddr_in where;
    struct timeval wait = {1, 0}, total = {20, 0};
    int sock = RPC_ANYSOCK;
    CLIENT *client, *wrong;
    torture value, *echoed;
    quad_t *sum;
    text *joined;
    XDR in, out;

    memset(&where, 0, sizeof where);
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    where.sin_port = htons(atoi(argv[2]));
    if (!strcmp(argv[1], "tcp"))
        client = clnttcp_create(&where, TORTURE_PROG, TORTURE_V1, &sock, 0, 0);
    else
        client = clntudp_bufcreate(&where, TORTURE_PROG, TORTURE_V1, wait, &sock, 60000, 60000);
    if (client == NULL) {
        clnt_pcreateerror("create");
        return 1;
    }
    auth_destroy(client->cl_auth);
    client->cl_auth = authunix_create_default();
    clnt_control(client, CLSET_TIMEOUT, (char *)&total);
    if (torture_null_1(client) == NULL) {
        clnt_perror(client, "null");
        return 1;
    }
    memset(&value, 0, sizeof value);
    xdrmem_create(&in, input, size, XDR_DECODE);
    if (!xdr_torture(&in, &value)) {
        fprintf(stderr, "not decoded\n");
        return 1;
    }
    echoed = torture_echo_1(value, client);
    sum = torture_sum_1(-7, 1LL << 40, client);
    joined = torture_join_1("per ardua", client);
    if (echoed == NULL || sum == NULL || joined == NULL || torture_forget_1(BLUE, client) == NULL) {
        clnt_perror(client, "call");
        return 1;
    }
    fprintf(stderr, "%lld %s\n", (long long)*sum, *joined);
    xdrmem_create(&out, output, sizeof output, XDR_ENCODE);
    if (!xdr_torture(&out, echoed)) {
        fprintf(stderr, "not encoded\n");
        return 1;
    }
    fwrite(output, 1, xdr_getpos(&out), stdout);

    /* The states of a reply, as libtirpc names them. */
    fprintf(stderr, "%s\n",
            clnt_sperrno(clnt_call(client, 77, (xdrproc_t)xdr_void, NULL, (xdrproc_t)xdr_void, NULL, total)));
    fprintf(stderr, "%s\n",
            clnt_sperrno(clnt_call(client, 1, (xdrproc_t)xdr_void, NULL, (xdrproc_t)xdr_void, NULL, total)));
    clnt_destroy(client);
    sock = RPC_ANYSOCK;
    if (!strcmp(argv[1], "tcp"))
        wrong = clnttcp_create(&where, TORTURE_PROG, 9, &sock, 0, 0);
    else
        wrong = clntudp_bufcreate(&where, TORTURE_PROG, 9, wait, &sock, 60000, 60000);
    fprintf(stderr, "%s\n",
            clnt_sperrno(clnt_call(wrong, 0, (xdrproc_t)xdr_void, NULL, (xdrproc_t)xdr_void, NULL, total)));
    clnt_destroy(wrong);
    return 0;
}
