/* An echo server in C on epoll, one thread: what the kernel alone lets a server of this shape reach.

       echo tcp|udp ADDRESS

   Prints `ready PORT`. Level-triggered, one recv(2) and one send(2) a wake-up of a connection; what the peer does not take
   at once is kept, and nothing is read from it until it has taken that. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER (64 * 1024)

struct connection {
    int fd;
    size_t left, at;
    char *unsent;
};

static int poller, listener;
static char buffer[BUFFER];

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void watch(int operation, int fd, unsigned events, void *what)
{
    struct epoll_event event = {.events = events, .data.ptr = what};
    if (epoll_ctl(poller, operation, fd, &event) < 0)
        fail("epoll_ctl");
}

static void accept_all(void)
{
    int fd;
    while ((fd = accept4(listener, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *connection = calloc(1, sizeof *connection);
        if (!connection)
            fail("calloc");
        connection->fd = fd;
        watch(EPOLL_CTL_ADD, fd, EPOLLIN, connection);
    }
}

static void drop(struct connection *connection)
{
    close(connection->fd);
    free(connection->unsent);
    free(connection);
}

static void receive(struct connection *connection)
{
    ssize_t n = recv(connection->fd, buffer, BUFFER, 0), sent;
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN)
            drop(connection);
        return;
    }
    sent = send(connection->fd, buffer, (size_t)n, MSG_NOSIGNAL);
    if (sent == n)
        return;
    if (sent < 0 && errno != EAGAIN) {
        drop(connection);
        return;
    }
    if (sent < 0)
        sent = 0;
    connection->left = (size_t)(n - sent);
    connection->at = 0;
    connection->unsent = malloc(connection->left);
    if (!connection->unsent)
        fail("malloc");
    memcpy(connection->unsent, buffer + sent, connection->left);
    watch(EPOLL_CTL_MOD, connection->fd, EPOLLOUT, connection);
}

static void flush(struct connection *connection)
{
    ssize_t sent = send(connection->fd, connection->unsent + connection->at, connection->left, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN)
            drop(connection);
        return;
    }
    connection->at += (size_t)sent;
    connection->left -= (size_t)sent;
    if (connection->left == 0) {
        free(connection->unsent);
        connection->unsent = 0;
        watch(EPOLL_CTL_MOD, connection->fd, EPOLLIN, connection);
    }
}

static void reply_all(void)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    ssize_t n;
    while ((n = recvfrom(listener, buffer, BUFFER, 0, (struct sockaddr *)&peer, &length)) >= 0) {
        sendto(listener, buffer, (size_t)n, 0, (struct sockaddr *)&peer, length);
        length = sizeof peer;
    }
}

int main(int count, char **words)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int one = 1;
    if (count != 3 || inet_pton(AF_INET, words[2], &address.sin_addr) != 1) {
        fputs("echo: give tcp or udp, and an IPv4 address\n", stderr);
        return 1;
    }
    int datagrams = !strcmp(words[1], "udp");
    listener = socket(AF_INET, (datagrams ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0)
        fail("bind");
    if (!datagrams) {
        setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* accepted sockets inherit it */
        if (listen(listener, 1024) < 0)
            fail("listen");
    }
    poller = epoll_create1(EPOLL_CLOEXEC);
    watch(EPOLL_CTL_ADD, listener, EPOLLIN, 0);
    getsockname(listener, (struct sockaddr *)&address, &length);
    printf("ready %d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        struct epoll_event events[256];
        int ready = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!connection)
                datagrams ? reply_all() : accept_all();
            else if (events[i].events & EPOLLOUT)
                flush(connection);
            else
                receive(connection);
        }
    }
}
