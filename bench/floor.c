/*
 * floor [-t threads] [-m messages] [-l size] DIRECTORY: what a durable Maildir
 * costs at least. Each thread has a mailbox of its own below DIRECTORY, and for
 * each message does: open, write, fsync, rename, fsync of the directory;
 * nothing else. Printed is one JSON object.
 *
 * floor -p PORT [-t threads] DIRECTORY: the same for messages that come by
 * LMTP, each thread with a connection, until SIGTERM: what storing them costs a
 * server at least. It believes its client, bench/source -LP, in everything.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

struct floor {
	const char *directory;
	guint messages, size;
	guint next; /* atomic: the number of the next message */
	char *content;
	int listener;
};

struct worker {
	struct floor *floor;
	guint number;
	int tmp, new;
	GThread *thread;
};

static G_GNUC_NORETURN void
give_up(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(EX_OSERR);
}

static int
make_directory(const char *mailbox, const char *name)
{
	g_autofree char *path = g_build_filename(mailbox, name, NULL);
	int fd;

	if (g_mkdir_with_parents(path, 0700) < 0)
		give_up(path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		give_up(path);
	return fd;
}

static void
store(const struct worker *worker, guint number, const char *content,
      size_t size)
{
	char name[64];
	int fd;

	g_snprintf(name, sizeof name, "%d.%u", (int)getpid(), number);
	fd = openat(worker->tmp, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		    0600);
	if (fd < 0)
		give_up("open");
	if (write(fd, content, size) != (ssize_t)size)
		give_up("write");
	if (fsync(fd) < 0)
		give_up("fsync");
	if (renameat(worker->tmp, name, worker->new, name) < 0)
		give_up("rename");
	if (fsync(worker->new) < 0)
		give_up("fsync of the directory");
	close(fd);
}

static gpointer
work(gpointer data)
{
	const struct worker *worker = data;
	guint number;

	while ((number = (guint)g_atomic_int_add(&worker->floor->next, 1)) <
	       worker->floor->messages)
		store(worker, number, worker->floor->content,
		      worker->floor->size);
	return NULL;
}

/* ---- by LMTP ------------------------------------------------------------ */

static void
say(int fd, const char *text)
{
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		give_up("send");
}

/* Answers to all of these commands; true: content comes. */
static bool
answer(int fd, char *commands)
{
	g_autoptr(GString) out = g_string_new(NULL);
	bool data = false;

	for (char *line = strtok_r(commands, "\r\n", &commands); line != NULL;
	     line = strtok_r(NULL, "\r\n", &commands)) {
		data = g_str_has_prefix(line, "DATA");
		g_string_append(out, data ? "354 go on\r\n" : "250 yes\r\n");
	}
	say(fd, out->str);
	return data;
}

static void
serve(const struct worker *worker, int fd)
{
	g_autofree char *buffer = g_malloc(1 << 20);
	bool data = false;
	size_t size = 0;
	ssize_t n;

	say(fd, "220 floor\r\n");
	while ((n = recv(fd, buffer + size, (1 << 20) - 1 - size, 0)) > 0) {
		size += (size_t)n;
		buffer[size] = '\0';
		if (!g_str_has_suffix(buffer + size - MIN(size, 5),
				      data ? "\r\n.\r\n" : "\r\n"))
			continue;
		if (data) {
			store(worker,
			      (guint)g_atomic_int_add(&worker->floor->next, 1),
			      buffer, size - 3);
			say(fd, "250 stored\r\n");
			data = false;
		} else {
			data = answer(fd, buffer);
		}
		size = 0;
	}
	close(fd);
}

static gpointer
accept_all(gpointer data)
{
	const struct worker *worker = data;
	const int on = 1;
	int fd;

	while ((fd = accept4(worker->floor->listener, NULL, NULL,
			     SOCK_CLOEXEC)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		serve(worker, fd);
	}
	return NULL;
}

static int
listen_at(guint16 port)
{
	const struct sockaddr_in address = {
	    .sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, SOMAXCONN) < 0)
		give_up("listen");
	return fd;
}

/* ---- all threads -------------------------------------------------------- */

static double
run(struct floor *floor, guint threads)
{
	g_autofree struct worker *workers = g_new0(struct worker, threads);
	gint64 start;

	for (guint i = 0; i < threads; i++) {
		g_autofree char *mailbox =
		    g_strdup_printf("%s/%u", floor->directory, i);

		workers[i] = (struct worker){
		    .floor = floor,
		    .number = i,
		    .tmp = make_directory(mailbox, "tmp"),
		    .new = make_directory(mailbox, "new"),
		};
	}
	start = g_get_monotonic_time();
	for (guint i = 0; i < threads; i++)
		workers[i].thread = g_thread_new(
		    "floor", floor->listener < 0 ? work : accept_all,
		    &workers[i]);
	for (guint i = 0; i < threads; i++)
		g_thread_join(workers[i].thread);
	return (double)(g_get_monotonic_time() - start) / G_USEC_PER_SEC;
}

int
main(int argc, char **argv)
{
	struct floor floor = {.messages = 1000, .size = 5120, .listener = -1};
	guint threads = 10;
	double seconds;
	int option;

	while ((option = getopt(argc, argv, "t:m:l:p:")) != -1) {
		if (option == 't')
			threads = (guint)strtoul(optarg, NULL, 10);
		else if (option == 'm')
			floor.messages = (guint)strtoul(optarg, NULL, 10);
		else if (option == 'l')
			floor.size = (guint)strtoul(optarg, NULL, 10);
		else if (option == 'p')
			floor.listener =
			    listen_at((guint16)strtoul(optarg, NULL, 10));
		else
			return EX_USAGE;
	}
	if (argc - optind != 1 || threads < 1 || threads > 1000) {
		fputs("usage: floor [-t threads] [-m messages] [-l size] "
		      "[-p port] DIRECTORY\n",
		      stderr);
		return EX_USAGE;
	}
	floor.directory = argv[optind];
	floor.content = g_strnfill(floor.size, 'x');
	seconds = run(&floor, threads);
	printf("{\"messages\": %u, \"seconds\": %.3f, \"rate\": %.1f}\n",
	       floor.messages, seconds, floor.messages / seconds);
	g_free(floor.content);
	return EX_OK;
}
