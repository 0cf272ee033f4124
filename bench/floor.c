/*
 * floor [-t threads] [-m messages] [-l size] DIRECTORY: what a durable Maildir
 * costs at least. Each thread has a mailbox of its own below DIRECTORY, and for
 * each message does: open, write, fsync, rename, fsync of the directory;
 * nothing else. Printed is one JSON object.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

struct floor {
	const char *directory;
	guint messages, size;
	guint next; /* atomic: the number of the next message */
	char *content;
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
store(const struct worker *worker, guint number)
{
	char name[64];
	int fd;

	g_snprintf(name, sizeof name, "%d.%u", (int)getpid(), number);
	fd = openat(worker->tmp, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		    0600);
	if (fd < 0)
		give_up("open");
	if (write(fd, worker->floor->content, worker->floor->size) !=
	    (ssize_t)worker->floor->size)
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
		store(worker, number);
	return NULL;
}

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
		workers[i].thread = g_thread_new("floor", work, &workers[i]);
	for (guint i = 0; i < threads; i++)
		g_thread_join(workers[i].thread);
	return (double)(g_get_monotonic_time() - start) / G_USEC_PER_SEC;
}

int
main(int argc, char **argv)
{
	struct floor floor = {.messages = 1000, .size = 5120};
	guint threads = 10;
	double seconds;
	int option;

	while ((option = getopt(argc, argv, "t:m:l:")) != -1) {
		if (option == 't')
			threads = (guint)strtoul(optarg, NULL, 10);
		else if (option == 'm')
			floor.messages = (guint)strtoul(optarg, NULL, 10);
		else if (option == 'l')
			floor.size = (guint)strtoul(optarg, NULL, 10);
		else
			return EX_USAGE;
	}
	if (argc - optind != 1 || threads < 1 || threads > 1000) {
		fputs("usage: floor [-t threads] [-m messages] [-l size] "
		      "DIRECTORY\n",
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
