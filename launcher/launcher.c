/* SPDX-License-Identifier: Apache-2.0
 *
 * The native door: hands one CNI call to the agent and relays its answer, without starting an interpreter.
 *
 * Environment, stdin and where the caller stands go to the agent as docs/agent-protocol.md says. Where no agent is,
 * the Python door takes over, before anything was read from stdin. Whatever fails, the runtime reads one JSON error.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#ifndef DOOR
#define DOOR "/opt/cni-macvlan-py/current/cni-macvlan-py"
#endif

#ifndef VERSION
#error "VERSION is that of pyproject.toml: build by make"
#endif

#define SOCKET "/run/cni-macvlan-py/agent.sock"
#define ABOUT                                                                                                          \
    "CNI macvlan plugin v" VERSION "\n"                                                                                \
    "CNI protocol versions supported: 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0\n"                              \
    "cni-macvlan-py --help lists the commands for people\n"

#define MAGIC UINT32_C(0x434D5631)         /* "CMV1" */
#define REQUEST UINT32_C(0x434D5632)       /* "CMV2" */
#define OLDER_REQUEST UINT32_C(0x434D5631) /* "CMV1" */
#define GREETING UINT32_C(1)
#define PROTOCOL UINT32_C(2)
#define WRITTEN 0x06 /* ASCII's ACK: the answer has been written to stdout */

enum {
    NUMBER = 4,               /* bytes of an integer */
    HELLO = 3 * NUMBER,       /* magic, protocol, time limit */
    ANSWER_HEAD = 3 * NUMBER, /* magic, exit status, bytes that follow */
    HELLO_PATIENCE = 30000,   /* ms: as long as an agent may take to start, where everything else starts as well */
    PATIENCE = 5000,          /* ms for a reader of stdout, and for an agent beyond its own time limit */
    STDIN_BEGINS = 1000,      /* ms for the beginning of a stdin that is not needed */
    STDIN_ENDS = 30000,       /* ms for the end of any: as plugin/stdin.py has it */
    STDIN_MAX = 4 << 20,      /* bytes: as above */
    ANSWER_MAX = 64 << 20,    /* bytes: a result handed through comes back indented, and so larger */
    HEAD_MAX = 1 << 20,       /* bytes of a request between its length and its stdin */
    DETAILS = 1024,           /* bytes of an error's details */
};

/* Codes of the CNI specification. */
enum { INVALID_ENVIRONMENT = 4, IO_FAILURE = 5, TRY_AGAIN = 11 };

/* What is under way: the request, afterwards the answer or an error. Pages never touched cost nothing. */
static unsigned char buffer[ANSWER_MAX];
_Static_assert(2 * NUMBER + HEAD_MAX + STDIN_MAX + 1 <= ANSWER_MAX, "a request and one byte too many have room");

/* A connection to the agent; its socket is never waited for without regard to `deadline`. */
struct conversation {
    int socket;
    int64_t deadline;   /* ms, as of now() */
    int64_t patience;   /* ms that led to `deadline` */
    int64_t stdin_ends; /* ms, as of now(): when stdin has to have ended */
    unsigned char hello[HELLO];
    size_t hello_size;
};

/* What the agent cannot find out by itself: where the caller stands. */
enum { NETWORK, MOUNT, ROOT, CONTAINER, SURROUNDINGS };
struct surroundings {
    int descriptors[SURROUNDINGS]; /* own namespaces and root; the container's network if it could be opened */
    size_t count;
};
_Static_assert(CONTAINER == ROOT + 1 && SURROUNDINGS == CONTAINER + 1, "without ROOT the container moves up by one");

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static bool passing(int error)
{
    return error == EINTR || error == EAGAIN;
}

/* ---- stdout: the answer or the error, and nothing else ---- */

/* Pieces that a pipe takes whole once poll() says so: a reader that stopped reading cannot hold us for ever. */
static bool write_stdout(const unsigned char *bytes, size_t size)
{
    signal(SIGPIPE, SIG_IGN); /* a reader that went away is EPIPE, and no acknowledgement */
    while (size > 0) {
        struct pollfd reader = {.fd = STDOUT_FILENO, .events = POLLOUT};
        int ready = poll(&reader, 1, PATIENCE);
        if (ready == 0)
            return false;
        if (ready < 0) {
            if (!passing(errno))
                return false;
            continue;
        }
        ssize_t written = write(STDOUT_FILENO, bytes, size < PIPE_BUF ? size : PIPE_BUF);
        if (written < 0 && !passing(errno))
            return false;
        if (written > 0) {
            bytes += written;
            size -= (size_t)written;
        }
    }
    return true;
}

static size_t append(size_t at, const char *text)
{
    size_t size = strlen(text);
    memcpy(buffer + at, text, size);
    return at + size;
}

/* Paths are bytes, JSON is Unicode: what is not printable ASCII becomes a question mark. */
static size_t append_string(size_t at, const char *text)
{
    buffer[at++] = '"';
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buffer[at++] = '\\';
        buffer[at++] = *text >= ' ' && *text <= '~' ? (unsigned char)*text : '?';
    }
    buffer[at++] = '"';
    return at;
}

/* Answer with a CNI error in the form of plugin/render.py. */
static _Noreturn void fail(int code, const char *msg, const char *details)
{
    char number[16];
    snprintf(number, sizeof number, "%d", code);
    size_t size = append(0, "{\n    \"cniVersion\": \"1.1.0\",\n    \"code\": ");
    size = append(size, number);
    size = append(size, ",\n    \"msg\": ");
    size = append_string(size, msg);
    if (*details) {
        size = append(size, ",\n    \"details\": ");
        size = append_string(size, details);
    }
    size = append(size, "\n}");
    write_stdout(buffer, size);
    _exit(1);
}

static _Noreturn void refuse_stdin(const char *reason)
{
    char msg[DETAILS];
    snprintf(msg, sizeof msg, "error reading from stdin: %s", reason);
    fail(IO_FAILURE, msg, "the runtime has to write the network configuration");
}

static _Noreturn void refuse_stdin_for(int error)
{
    char reason[DETAILS];
    snprintf(reason, sizeof reason, "[Errno %d] %s", error, strerror(error));
    refuse_stdin(reason);
}

static _Noreturn void went_away(const char *details)
{
    fail(TRY_AGAIN, "the agent went away; try again", details);
}

static _Noreturn void not_understood(const char *details)
{
    fail(TRY_AGAIN, "the agent's answer is not understood; restart the agent and try again", details);
}

/* ---- the Python door ---- */

/* An installation that puts this program in the place of the Python door would execute itself for ever. */
static bool door_is_this_program(void)
{
    struct stat door, self;
    return stat(DOOR, &door) == 0 && stat("/proc/self/exe", &self) == 0 && door.st_dev == self.st_dev &&
           door.st_ino == self.st_ino;
}

/* Returns only if there is no Python door, with the reason. */
static const char *execute_door(char **argv)
{
    if (door_is_this_program())
        return "it is the launcher itself";
    /* A script does not learn the name that it was called by, and that name is a role. */
    if (argv[0] && setenv("CNI_MACVLAN_CALLED_AS", argv[0], 1) != 0)
        return strerror(errno);
    execv(DOOR, argv);
    return strerror(errno);
}

/* The command line is for people. Without Python it can say no more than what it is. */
static int serve_person(int argc, char **argv)
{
    const char *reason = execute_door(argv);
    if (argc <= 1) {
        dprintf(STDERR_FILENO, "%s", ABOUT);
        return 0;
    }
    dprintf(STDERR_FILENO, "cni-macvlan-py %s: needs Python and %s: %s\n", argv[1], DOOR, reason);
    return 2;
}

static const char START_IT[] = "no agent is running and there is no Python to do without; start the agent and try again";
static const char SHOW_PROC[] = "/proc/self/ns/net and mnt cannot be opened, which an agent has to be given, and there is "
                                "no Python to do without; mount a /proc that has this process and try again";

static _Noreturn void do_without_agent(char **argv, const char *path, const char *why, const char *cure)
{
    const char *reason = execute_door(argv);
    char details[DETAILS];
    snprintf(details, sizeof details, "agent at \"%.300s\": %s; Python door %.300s: %s", path, why, DOOR, reason);
    fail(TRY_AGAIN, cure, details);
}

/* ---- waiting ---- */

static bool greeted(const struct conversation *talk)
{
    return talk->hello_size == HELLO;
}

static uint32_t number_at(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void set_patience(struct conversation *talk, int64_t patience)
{
    talk->patience = patience;
    talk->deadline = now() + patience;
}

/* Take what has come of the hello; once complete, it says how long an answer may take. */
static void take_hello(struct conversation *talk)
{
    ssize_t got = recv(talk->socket, talk->hello + talk->hello_size, HELLO - talk->hello_size, MSG_DONTWAIT);
    if (got < 0 && passing(errno))
        return;
    if (got <= 0)
        went_away(got < 0 ? strerror(errno) : "it closed the connection before its greeting");
    talk->hello_size += (size_t)got;
    if (!greeted(talk))
        return;
    if (number_at(talk->hello) != MAGIC || number_at(talk->hello + NUMBER) != GREETING)
        not_understood("its greeting is not that of an agent");
    set_patience(talk, (int64_t)number_at(talk->hello + 2 * NUMBER) + PATIENCE);
}

/* Its time limit is whole seconds, and as many milliseconds as is the newest protocol that it knows. */
static bool is_older(const struct conversation *talk)
{
    return number_at(talk->hello + 2 * NUMBER) % 1000 < PROTOCOL;
}

static _Noreturn void give_up(const struct conversation *talk, int awaited)
{
    if (awaited == STDIN_FILENO)
        refuse_stdin("no end of it in 30 s");
    char details[DETAILS];
    snprintf(details, sizeof details, "waited %lld ms for %s", (long long)talk->patience,
             greeted(talk) ? "its answer" : "its greeting");
    fail(TRY_AGAIN, "the agent does not answer; try again", details);
}

/* Wait once, for `descriptor` (-1: none) and for the hello while that is outstanding; whether the former is ready. */
static bool ready(struct conversation *talk, int descriptor, short events)
{
    int64_t left = (descriptor == STDIN_FILENO ? talk->stdin_ends : talk->deadline) - now();
    if (left <= 0)
        give_up(talk, descriptor);
    struct pollfd polled[] = {
        {.fd = descriptor, .events = events},
        {.fd = greeted(talk) ? -1 : talk->socket, .events = POLLIN},
    };
    if (poll(polled, 2, left < INT_MAX ? (int)left : INT_MAX) < 0) {
        if (!passing(errno))
            fail(TRY_AGAIN, "cannot wait for the agent; try again", strerror(errno));
        return false;
    }
    if (polled[1].revents)
        take_hello(talk);
    return polled[0].revents != 0;
}

static void wait_for(struct conversation *talk, int descriptor, short events)
{
    while (!ready(talk, descriptor, events))
        continue;
}

/* ---- the request ---- */

/* False with errno: there is no agent. A full backlog is an agent, though a busy one: the kernel waits for it. */
static bool connect_to_agent(struct conversation *talk, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(address.sun_path, path, strlen(path));
    talk->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (talk->socket < 0)
        return false;
    const struct timeval limit = {.tv_sec = HELLO_PATIENCE / 1000};
    setsockopt(talk->socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    int failed;
    do
        failed = connect(talk->socket, (const struct sockaddr *)&address, sizeof address);
    while (failed && errno == EINTR);
    if (failed && errno == EAGAIN)
        fail(TRY_AGAIN, "the agent does not answer; try again", "it accepts no more connections");
    if (failed)
        return false;
    set_patience(talk, HELLO_PATIENCE);
    return true;
}

/* False with errno if our own cannot be opened. Without the container's the agent says what is wrong with CNI_NETNS. */
static bool open_surroundings(struct surroundings *opened)
{
    opened->descriptors[NETWORK] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    opened->descriptors[MOUNT] = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    /* A caller in a chroot has another than its mount namespace. */
    opened->descriptors[ROOT] = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    opened->count = CONTAINER;
    for (size_t i = 0; i < opened->count; i++)
        if (opened->descriptors[i] < 0)
            return false;
    const char *path = getenv("CNI_NETNS");
    /* The path is the runtime's and may be a FIFO or a terminal: neither is to hold us. */
    int container = path && *path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
    if (container >= 0)
        opened->descriptors[opened->count++] = container;
    return true;
}

static void need_room(size_t at, size_t size)
{
    if (at + size > 2 * NUMBER + HEAD_MAX)
        fail(INVALID_ENVIRONMENT, "the CNI_* variables and PATH are larger than 1 MiB", "");
}

static void put_number(size_t *at, size_t number)
{
    need_room(*at, NUMBER);
    for (int shift = 24; shift >= 0; shift -= 8)
        buffer[(*at)++] = (unsigned char)(number >> shift);
}

static void put_text(size_t *at, const char *text)
{
    size_t size = strlen(text);
    put_number(at, size);
    need_room(*at, size);
    memcpy(buffer + *at, text, size);
    *at += size;
}

/* The runtime's parameters, what an IPAM executable is found by, and the trace that the call belongs to. */
static bool counts(const char *variable)
{
    static const char *const beginnings[] = {"CNI_", "PATH=", "TRACEPARENT=", "TRACESTATE=", "BAGGAGE="};
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        if (strncmp(variable, beginnings[i], strlen(beginnings[i])) == 0)
            return strchr(variable, '=') != NULL;
    return false;
}

static void put_environment(size_t *at)
{
    size_t count_at = *at, count = 0;
    put_number(at, 0);
    for (char **variable = environ; *variable; variable++)
        if (counts(*variable)) {
            put_text(at, *variable);
            count++;
        }
    put_number(&count_at, count);
}

static size_t read_stdin(struct conversation *talk, unsigned char *to)
{
    talk->stdin_ends = now() + STDIN_ENDS;
    for (size_t size = 0;;) {
        wait_for(talk, STDIN_FILENO, POLLIN);
        /* One byte more than there may be tells that there is more. */
        ssize_t got = read(STDIN_FILENO, to + size, STDIN_MAX + 1 - size);
        if (got == 0)
            return size;
        if (got > 0)
            size += (size_t)got;
        else if (!passing(errno))
            refuse_stdin_for(errno);
        if (size > STDIN_MAX)
            refuse_stdin("more than 4194304 bytes");
    }
}

/* Lay the request out in the buffer; its size. */
static size_t compose_request(struct conversation *talk, const char *called_as)
{
    size_t size = 0;
    put_number(&size, REQUEST);
    size_t rest_at = size;
    put_number(&size, 0);
    size_t rest = size;
    put_environment(&size);
    put_text(&size, called_as);
    size_t length_at = size;
    put_number(&size, 0);
    size_t stdin_size = read_stdin(talk, buffer + size);
    put_number(&length_at, stdin_size);
    size += stdin_size;
    put_number(&rest_at, size - rest);
    return size;
}

static ssize_t send_with_surroundings(int socket, size_t size, const struct surroundings *opened)
{
    union {
        struct cmsghdr header;
        unsigned char bytes[CMSG_SPACE(sizeof opened->descriptors)];
    } control = {.bytes = {0}};
    struct iovec part = {.iov_base = buffer, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control};
    size_t length = opened->count * sizeof *opened->descriptors;
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = (socklen_t)CMSG_LEN(length); /* musl's type; glibc's is wider */
    message.msg_controllen = (socklen_t)CMSG_SPACE(length);
    memcpy(CMSG_DATA(&control.header), opened->descriptors, length);
    return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* An agent that refuses the request may answer and close before it has read all of it: that answer is to be read. */
static void send_request(struct conversation *talk, size_t size, const struct surroundings *opened)
{
    for (size_t sent = 0; sent < size;) {
        ssize_t went = sent == 0 ? send_with_surroundings(talk->socket, size, opened)
                                 : send(talk->socket, buffer + sent, size - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (went > 0)
            sent += (size_t)went;
        else if (errno == EPIPE || errno == ECONNRESET)
            return;
        else if (errno == EAGAIN)
            wait_for(talk, talk->socket, POLLOUT);
        else if (errno != EINTR)
            fail(TRY_AGAIN, "the agent cannot be asked; try again", strerror(errno));
    }
}

/* ---- the answer ---- */

/* Whether the agent is one that refuses protocol 2: it has begun nothing then, and hung up behind its greeting. */
static bool refuses_protocol(struct conversation *talk)
{
    while (!greeted(talk))
        ready(talk, -1, 0);
    unsigned char said;
    ssize_t got = 1;
    while (is_older(talk) && (got = recv(talk->socket, &said, 1, MSG_PEEK | MSG_DONTWAIT)) < 0 && passing(errno))
        wait_for(talk, talk->socket, POLLIN);
    return got <= 0;
}

/* Ask again as protocol 1 has it: a caller's root is that of its mount namespace there. */
static void ask_older(struct conversation *talk, const char *path, size_t size, struct surroundings *opened)
{
    close(talk->socket);
    talk->hello_size = 0;
    if (!connect_to_agent(talk, path))
        went_away(strerror(errno));
    size_t start = 0;
    put_number(&start, OLDER_REQUEST);
    close(opened->descriptors[ROOT]);
    opened->descriptors[ROOT] = opened->descriptors[CONTAINER];
    opened->count--;
    send_request(talk, size, opened);
}

static void receive(struct conversation *talk, unsigned char *to, size_t size)
{
    while (size > 0) {
        ssize_t got = recv(talk->socket, to, size, MSG_DONTWAIT);
        if (got > 0) {
            to += got;
            size -= (size_t)got;
        } else if (got == 0)
            went_away("it closed the connection before its answer was complete");
        else if (errno == EAGAIN)
            wait_for(talk, talk->socket, POLLIN);
        else if (errno != EINTR)
            went_away(strerror(errno));
    }
}

/* Relay the agent's answer; our exit status. It is kept whole first: half of one and an error make no JSON. */
static int relay_answer(struct conversation *talk)
{
    while (!greeted(talk))
        ready(talk, -1, 0);
    unsigned char head[ANSWER_HEAD];
    receive(talk, head, sizeof head);
    uint32_t status = number_at(head + NUMBER), size = number_at(head + 2 * NUMBER);
    if (number_at(head) != MAGIC || status > 1 || size > ANSWER_MAX)
        not_understood("its answer is not that of an agent");
    if (status == 1 && size == 0)
        not_understood("it failed without an error");
    receive(talk, buffer, size);
    if (!write_stdout(buffer, size))
        return 1; /* the agent sees no acknowledgement, and undoes an ADD */
    const unsigned char written = WRITTEN;
    if (send(talk->socket, &written, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1)
        return (int)status;
    /* The agent did not wait for us to be done. An ADD that it may have undone is not to be taken for a success. */
    const char *verb = getenv("CNI_COMMAND");
    return verb && strcmp(verb, "ADD") == 0 ? 1 : (int)status;
}

/* A runtime may have closed any of the three: no descriptor opened later may take its number. Reading is all that the
 * stand-in is good for, so that writing fails as on a closed one. */
static void occupy_standard_descriptors(void)
{
    for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; descriptor++)
        if (fcntl(descriptor, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0)
            open("/", O_RDONLY | O_DIRECTORY);
}

/* Python does not start with a directory for its stdin, and so could not say what is wrong. */
static void refuse_directory(void)
{
    struct stat stdin_is;
    if (fstat(STDIN_FILENO, &stdin_is) == 0 && S_ISDIR(stdin_is.st_mode))
        refuse_stdin_for(EISDIR);
}

/* A stdin that nothing comes from is taken for empty: people ask for VERSION at a terminal and write nothing. */
static void do_without_stdin(void)
{
    struct pollfd polled = {.fd = STDIN_FILENO, .events = POLLIN};
    if (poll(&polled, 1, STDIN_BEGINS) == 0) {
        int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
        dup2(nothing, STDIN_FILENO);
        close(nothing);
    }
}

int main(int argc, char **argv)
{
    occupy_standard_descriptors();
    const char *verb = getenv("CNI_COMMAND");
    if (!verb || !*verb)
        return serve_person(argc, argv);
    refuse_directory();
    if (strcmp(verb, "VERSION") == 0)
        do_without_stdin();

    const char *path = getenv("CNI_MACVLAN_AGENT_SOCKET");
    if (!path)
        path = SOCKET;
    if (!*path)
        do_without_agent(argv, path, "not to be asked", START_IT);

    struct conversation talk = {.hello_size = 0};
    struct surroundings opened = {.count = 0};
    if (!connect_to_agent(&talk, path))
        do_without_agent(argv, path, strerror(errno), START_IT);
    if (!open_surroundings(&opened))
        do_without_agent(argv, path, strerror(errno), SHOW_PROC);

    size_t size = compose_request(&talk, argc > 0 ? argv[0] : "cni-macvlan-py");
    send_request(&talk, size, &opened);
    if (refuses_protocol(&talk))
        ask_older(&talk, path, size, &opened);
    _exit(relay_answer(&talk));
}
