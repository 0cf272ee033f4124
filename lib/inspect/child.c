#include "lib/inspect/child.h"

#include "lib/base/memory.h"
#include "lib/extract/extract.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * The process that workers are forked from. It loads what they need, gives up
 * its rights, and forks; it reads nothing but numbers from the program that
 * started it, and ends with it.
 */

struct child {
	struct ph_worker_life life;
	struct ph_sandbox sandbox;
	GHashTable *pids; /* id -> pid */
};

/* ---- workers ------------------------------------------------------------- */

/* Whatever else is open is not for a worker. */
static void
keep_descriptor(int fd)
{
	dup2(STDOUT_FILENO, STDIN_FILENO);
	if (fd != PH_WORKER_FD)
		dup2(fd, PH_WORKER_FD);
	close_range(PH_WORKER_FD + 1, ~0U, 0);
}

static int
start_worker(struct child *child, uint32_t id, int fd)
{
	pid_t pid = fork();

	if (pid < 0)
		return errno;
	if (pid == 0) {
		keep_descriptor(fd);
		ph_worker_main(&child->life);
	}
	g_hash_table_insert(child->pids, GUINT_TO_POINTER(id),
			    GINT_TO_POINTER(pid));
	return 0;
}

static int
end_worker(struct child *child, uint32_t id)
{
	pid_t pid = GPOINTER_TO_INT(
	    g_hash_table_lookup(child->pids, GUINT_TO_POINTER(id)));
	int status = 0;

	if (pid <= 0)
		return -1;
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	g_hash_table_remove(child->pids, GUINT_TO_POINTER(id));
	return status;
}

/* ---- the program --------------------------------------------------------- */

static bool
serve(struct child *child)
{
	struct ph_child_request request = {0};
	struct ph_child_reply reply;
	int fd;

	if (ph_fd_receive(STDIN_FILENO, &request, sizeof request, &fd) !=
	    sizeof request)
		return false;
	reply.id = request.id;
	reply.value = request.op == PH_CHILD_END
			  ? end_worker(child, request.id)
			  : start_worker(child, request.id, fd);
	if (fd >= 0)
		close(fd);
	return ph_fd_send(STDIN_FILENO, &reply, sizeof reply, -1) ==
	       sizeof reply;
}

/* What GLib has to say, it says to nobody: its way to do so needs calls that a
 * worker does not have. An error still ends the process. */
static GLogWriterOutput
say_nothing(GLogLevelFlags level, const GLogField *fields, gsize n,
	    gpointer data)
{
	(void)level;
	(void)fields;
	(void)n;
	(void)data;
	return G_LOG_WRITER_HANDLED;
}

/* It stops with the program, not by the signals that stop that one. */
static void
become_child(void)
{
	sigset_t none;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	/* What libraries print is a stranger's. */
	if (null >= 0) {
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
	}
	/* So that its first use needs no call that is forbidden by then. */
	setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
	fputc('\n', stdout);
	fflush(stdout);
	close_range(STDERR_FILENO + 1, ~0U, 0);
	g_log_set_writer_func(say_nothing, NULL, NULL);
}

static int
refuse(const struct ph_err *err)
{
	struct ph_child_request request = {0};
	int fd;

	/* The first worker that is asked for is told why there is none. */
	if (ph_fd_receive(STDIN_FILENO, &request, sizeof request, &fd) > 0 &&
	    fd >= 0) {
		g_autoptr(GByteArray) record = g_byte_array_new();

		ph_record_format_failed(record, err->text);
		ph_fd_send(fd, record->data, record->len, -1);
	}
	return EXIT_FAILURE;
}

int
ph_inspect_child_main(int argc, char **argv, ph_worker_work *work)
{
	struct child child = {.life = {.work = work}};
	struct ph_err err = PH_ERR_INIT;

	if (argc < 3)
		return EXIT_FAILURE;
	ph_sandbox_find_user(&child.sandbox, argv[argc - 3]);
	child.sandbox.memory = g_ascii_strtoull(argv[argc - 2], NULL, 10);
	child.sandbox.cpu = g_ascii_strtoull(argv[argc - 1], NULL, 10);
	become_child();
	ph_memory_give_back();
	/* The time zone would be looked for at each use. */
	g_setenv("TZ", "UTC0", TRUE);
	tzset();
	child.life.types = ph_types_open(&err);
	if (child.life.types == NULL)
		return refuse(&err);
	ph_extract_prepare();
	child.life.sandbox = &child.sandbox;
	child.life.layers = ph_sandbox_enter(&child.sandbox);
	child.pids = g_hash_table_new(NULL, NULL);
	while (serve(&child))
		;
	/* Those that are left die with it. */
	return EXIT_SUCCESS;
}
