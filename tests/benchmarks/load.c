/* The load of `make bench`: one thread on epoll, one request at a time on each connection.

       load WORKLOAD ADDRESS PORT [--connections N] [--size BYTES] [--seconds S | --requests N] [--warm N] [--idle N]
            [--wait]

   Workloads:
       pingpong   N streams; BYTES out, the same BYTES back, again
       connect    N at once: connect, BYTES out, BYTES back, close
       udp        N connected datagram sockets; one datagram out, the same one back, again
       idle       pingpong, then N --idle streams more which exchanged one byte and are silent, then pingpong again

   Every reply is compared with what was sent. Anything else than exactly that (a wrong, late, missing or surplus byte, a
   connection refused, reset or closed) is reported and ends the program with status 1.

   Each phase prints one line of JSON: requests, seconds, p50 and p99 in microseconds, connections opened so far. `idle`
   prints two such lines and `{"opened": N}` between them. With --wait the program says `ready CONNECTIONS` and reads a
   line before each phase, and reads to the end of its input before it closes its connections, so that whoever measures
   the server can do it in between.

   `connect` leaves the close to the client, first, as most protocols do, so TIME_WAIT stays here. A source address has
   some 28,000 ephemeral ports, which are gone in a second or two; so clients come from 127.1.0.1 to 127.1.0.250 in turn
   (all of 127/8 is local, see ip(7) for IP_BIND_ADDRESS_NO_PORT). SO_LINGER 0 would save the ports as well, but it sends
   a reset where a server has a right to an end of stream. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SOURCES 250
#define LARGEST (1 << 20)
#define OPENING 64          /* connections on their way at once: below any server's queue of connections */
#define PATIENCE_MS 10000   /* without any event before the load gives up */

enum state { CONNECTING, TALKING, RESTING };

struct peer {
    int fd;
    enum state state;
    int wants_out;
    uint32_t size, sent, got;
    uint64_t began;
};

static struct sockaddr_in server;
static int datagrams, reconnecting, waiting;
static int poller, opened;
static char pattern[LARGEST], received[LARGEST];
static uint32_t *samples;
static size_t sampled, room;

/* The phase: how much may be started, what is under way. */
static uint64_t started, limit, under_way, ends;

static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void watch(struct peer *peer, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = peer};
    if (epoll_ctl(poller, operation, peer->fd, &event) < 0)
        fail("epoll_ctl: %s", strerror(errno));
}

/* Sends what is left of the request. While a stream is still connecting, or its buffer is full, it waits for EPOLLOUT. */
static void push(struct peer *peer)
{
    while (peer->sent < peer->size) {
        ssize_t n = send(peer->fd, pattern + peer->sent, peer->size - peer->sent, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || (peer->state == CONNECTING && errno == ENOTCONN)))
            break;
        if (n < 0)
            fail("send: %s", strerror(errno));
        peer->sent += (uint32_t)n;
        peer->state = TALKING;
    }
    int wants_out = peer->sent < peer->size;
    if (wants_out != peer->wants_out) {
        peer->wants_out = wants_out;
        watch(peer, EPOLL_CTL_MOD, EPOLLIN | (wants_out ? EPOLLOUT : 0));
    }
}

/* Opens a socket and watches it. Sends the request at once if the kernel lets it: on loopback a connection is often there
   when connect(2) returns, in spite of its EINPROGRESS. */
static void open_peer(struct peer *peer)
{
    int one = 1;
    peer->fd = socket(AF_INET, (datagrams ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (peer->fd < 0)
        fail("socket: %s%s", strerror(errno), errno == EMFILE ? ": raise `ulimit -n`" : "");
    if (reconnecting) {
        struct sockaddr_in source = {.sin_family = AF_INET};
        source.sin_addr.s_addr = htonl(0x7f010001u + (uint32_t)(opened % SOURCES));
        setsockopt(peer->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
        if (bind(peer->fd, (struct sockaddr *)&source, sizeof source) < 0)
            fail("bind: %s", strerror(errno));
    }
    if (connect(peer->fd, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS)
        fail("connect: %s", strerror(errno));
    opened++;
    peer->state = datagrams ? TALKING : CONNECTING;
    peer->sent = 0;
    peer->wants_out = 0;
    if (peer->size > 0) {
        ssize_t n = send(peer->fd, pattern, peer->size, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != ENOTCONN)
            fail("send: %s", strerror(errno));
        if (n > 0) {
            peer->sent = (uint32_t)n;
            peer->state = TALKING;
        }
        peer->wants_out = peer->sent < peer->size;
    } else {
        peer->wants_out = !datagrams;
    }
    watch(peer, EPOLL_CTL_ADD, EPOLLIN | (peer->wants_out ? EPOLLOUT : 0));
}

static int may_start(uint64_t time)
{
    return started < limit && time < ends;
}

static void start(struct peer *peer, uint64_t time)
{
    started++;
    under_way++;
    peer->began = time;
    peer->got = 0;
    peer->sent = 0;
    if (reconnecting) {
        open_peer(peer);
    } else {
        peer->state = TALKING;
        push(peer);
    }
}

static void finish(struct peer *peer)
{
    uint64_t time = now(), took = time - peer->began;
    if (sampled == room) {
        room = room ? 2 * room : 1 << 16;
        samples = realloc(samples, room * sizeof *samples);
        if (!samples)
            fail("out of memory");
    }
    samples[sampled++] = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
    under_way--;
    peer->state = RESTING;
    if (reconnecting)
        close(peer->fd);
    if (may_start(time))
        start(peer, time);
}

static void receive(struct peer *peer)
{
    /* One byte more than is missing, so that a surplus is seen. */
    ssize_t n = recv(peer->fd, received, peer->size - peer->got + 1, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n < 0)
        fail("recv: %s", strerror(errno));
    if (n == 0)
        fail("the server closed a connection after %u of %u bytes", peer->got, peer->size);
    if (peer->state != TALKING)
        fail("the server sent %zd bytes that nobody asked for", n);
    if ((uint32_t)n > peer->size - peer->got)
        fail("the server sent more than the %u bytes of the request", peer->size);
    if (datagrams && (uint32_t)n != peer->size)
        fail("the server replied %zd bytes to a datagram of %u", n, peer->size);
    if (memcmp(received, pattern + peer->got, (size_t)n))
        fail("the server sent other bytes than it got");
    peer->got += (uint32_t)n;
    if (peer->got == peer->size) {
        if (peer->sent < peer->size)
            fail("the server replied before it was asked");
        finish(peer);
    }
}

static void step(void)
{
    static struct epoll_event events[256];
    int count = epoll_wait(poller, events, 256, PATIENCE_MS);
    if (count < 0 && errno != EINTR)
        fail("epoll_wait: %s", strerror(errno));
    if (count == 0)
        fail("nothing came for %d s, %llu replies are missing", PATIENCE_MS / 1000, (unsigned long long)under_way);
    for (int i = 0; i < count; i++) {
        struct peer *peer = events[i].data.ptr;
        if (peer->state == CONNECTING && events[i].events & (EPOLLERR | EPOLLHUP)) {
            int error = 0;
            socklen_t length = sizeof error;
            getsockopt(peer->fd, SOL_SOCKET, SO_ERROR, &error, &length);
            fail("connect: %s", strerror(error));
        }
        if (events[i].events & EPOLLOUT)
            push(peer);
        if (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP))
            receive(peer);
    }
}

static int by_value(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* The smallest sample that at least this share of all does not exceed, in microseconds. */
static double percentile(double share)
{
    size_t rank = (size_t)(share * (double)sampled);
    if ((double)rank < share * (double)sampled)
        rank++;
    return sampled ? samples[rank ? rank - 1 : 0] / 1000.0 : 0;
}

/* Requests on all `peers` until the time or the count is reached; the last ones are waited for. */
static double phase(struct peer *peers, int count, uint64_t requests, double seconds)
{
    uint64_t begin = now();
    sampled = 0;
    started = 0;
    limit = requests;
    ends = seconds > 0 ? begin + (uint64_t)(seconds * 1e9) : UINT64_MAX;
    for (int i = 0; i < count && may_start(now()); i++)
        start(&peers[i], now());
    while (under_way)
        step();
    return (double)(now() - begin) / 1e9;
}

static void report(double seconds)
{
    qsort(samples, sampled, sizeof *samples, by_value);
    printf("{\"requests\": %zu, \"seconds\": %.6f, \"p50\": %.1f, \"p99\": %.1f, \"connections\": %d}\n", sampled,
           seconds, percentile(0.50), percentile(0.99), opened);
    fflush(stdout);
}

static void pause_for_go(void)
{
    if (!waiting)
        return;
    printf("ready %d\n", opened);
    fflush(stdout);
    int c;
    while ((c = getchar()) != '\n')
        if (c == EOF)
            exit(1);
}

/* Streams that have exchanged `size` bytes, a few on their way at a time. */
static struct peer *open_all(int count, uint32_t size)
{
    struct peer *peers = calloc((size_t)count + 1, sizeof *peers);
    if (!peers)
        fail("out of memory");
    limit = 0; /* a finished peer rests */
    for (int i = 0; i < count; i++) {
        peers[i].size = size;
        peers[i].began = now();
        under_way++;
        open_peer(&peers[i]);
        while (under_way >= OPENING)
            step();
    }
    while (under_way)
        step();
    return peers;
}

static double number(const char *text, double most)
{
    char *end;
    double value = strtod(text, &end);
    if (*end || end == text || value < 0 || value > most)
        fail("%s: give a number from 0 to %.0f", text, most);
    return value;
}

int main(int count, char **words)
{
    static const struct option options[] = {
        {"connections", required_argument, 0, 'n'}, {"size", required_argument, 0, 's'},
        {"seconds", required_argument, 0, 't'},     {"requests", required_argument, 0, 'r'},
        {"warm", required_argument, 0, 'w'},        {"idle", required_argument, 0, 'i'},
        {"wait", no_argument, 0, 'g'},              {0, 0, 0, 0}};
    int connections = 64, idle = 10000, option;
    uint32_t size = 64;
    uint64_t requests = UINT64_MAX, warm = 0;
    double seconds = 0;
    while ((option = getopt_long(count, words, "", options, 0)) != -1) {
        switch (option) {
        case 'n': connections = (int)number(optarg, 100000); break;
        case 's': size = (uint32_t)number(optarg, LARGEST - 1); break;
        case 't': seconds = number(optarg, 3600); break;
        case 'r': requests = (uint64_t)number(optarg, 1e9); break;
        case 'w': warm = (uint64_t)number(optarg, 1e9); break;
        case 'i': idle = (int)number(optarg, 1000000); break;
        case 'g': waiting = 1; break;
        default: return 1;
        }
    }
    if (count - optind != 3)
        fail("give WORKLOAD ADDRESS PORT, see the head of load.c");
    const char *workload = words[optind];
    server.sin_family = AF_INET;
    if (inet_pton(AF_INET, words[optind + 1], &server.sin_addr) != 1)
        fail("%s is no IPv4 address", words[optind + 1]);
    server.sin_port = htons((uint16_t)number(words[optind + 2], 65535));
    datagrams = !strcmp(workload, "udp");
    reconnecting = !strcmp(workload, "connect");
    int idling = !strcmp(workload, "idle");
    if (!datagrams && !reconnecting && !idling && strcmp(workload, "pingpong"))
        fail("%s: give pingpong, connect, udp or idle", workload);
    if (!seconds && requests == UINT64_MAX)
        fail("give --seconds or --requests");
    if (!connections || !size)
        fail("--connections and --size are at least 1");

    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    rlim_t needed = (rlim_t)connections + (idling ? (rlim_t)idle : 0) + 16;
    if (files.rlim_cur < needed)
        fail("%lu descriptors are needed, %lu allowed: raise `ulimit -n`", (unsigned long)needed,
             (unsigned long)files.rlim_cur);

    for (int i = 0; i < LARGEST; i++)
        pattern[i] = (char)(i % 251 + 1);
    poller = epoll_create1(EPOLL_CLOEXEC);

    struct peer *peers;
    if (reconnecting) {
        peers = calloc((size_t)connections, sizeof *peers);
        for (int i = 0; i < connections; i++)
            peers[i].size = size;
    } else {
        peers = open_all(connections, size);
    }
    if (warm)
        phase(peers, connections, warm, 0);
    pause_for_go();
    report(phase(peers, connections, requests, seconds));
    if (idling) {
        pause_for_go();
        open_all(idle, 1);
        printf("{\"opened\": %d}\n", idle);
        fflush(stdout);
        if (warm)
            phase(peers, connections, warm, 0);
        pause_for_go();
        report(phase(peers, connections, requests, seconds));
    }
    if (waiting)
        while (getchar() != EOF)
            ;
    return 0;
}
