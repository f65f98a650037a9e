/* A client as rpcgen makes one: null_client tcp|udp PORT CALLS; every one must be answered. */
#include <arpa/inet.h>
#include <rpc/rpc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "null.h"

int main(int argc, char **argv)
{
    struct sockaddr_in where;
    struct timeval wait = {5, 0};
    int sock = RPC_ANYSOCK;
    long calls = atol(argv[3]);
    CLIENT *client;

    memset(&where, 0, sizeof where);
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    where.sin_port = htons(atoi(argv[2]));
    if (!strcmp(argv[1], "tcp"))
        client = clnttcp_create(&where, FIGURES_PROG, FIGURES_V1, &sock, 0, 0);
    else
        client = clntudp_create(&where, FIGURES_PROG, FIGURES_V1, wait, &sock);
    if (client == NULL) {
        clnt_pcreateerror("create");
        return 1;
    }
    while (calls-- > 0)
        if (figures_null_1(client) == NULL) {
            clnt_perror(client, "null");
            return 1;
        }
    return 0;
}
