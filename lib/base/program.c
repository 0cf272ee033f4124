#include "lib/base/log.h"
#include "lib/base/program_private.h"
#include "lib/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define DEFAULT_CONF "/etc/posthub/posthub.conf"

struct options {
	const char *conf;
	bool foreground, test, verbose;
};

const struct ph_conf *
ph_run_conf(const struct ph_run *run)
{
	return run->conf;
}

bool
ph_run_stopping(const struct ph_run *run)
{
	return atomic_load(&run->stopping);
}

const char *
ph_run_text(const struct ph_run *run, const char *name)
{
	return ph_conf_text(run->conf, run->program->section, name);
}

int64_t
ph_run_int(const struct ph_run *run, const char *name)
{
	return ph_conf_int(run->conf, run->program->section, name);
}

static void
print_usage(const struct ph_program *program, FILE *to)
{
	fprintf(to,
		"%s: %s\n\n"
		"usage: %s [-c FILE] [-f] [-t] [-v] [-V] [-h]\n"
		"  -c FILE  configuration (default " DEFAULT_CONF ")\n"
		"  -f       stay in the foreground, log to standard error\n"
		"  -t       test the configuration and exit\n"
		"  -v       log more\n"
		"  -V       print the version and exit\n"
		"  -h       print this and exit\n",
		program->name, program->summary, program->name);
}

/* -1: go on; else the exit status. */
static int
parse_options(const struct ph_program *program, int argc, char **argv,
	      struct options *options)
{
	int c;

	*options = (struct options){.conf = DEFAULT_CONF};
	while ((c = getopt(argc, argv, "c:ftvVh")) != -1)
		switch (c) {
		case 'c':
			options->conf = optarg;
			break;
		case 'f':
			options->foreground = true;
			break;
		case 't':
			options->test = true;
			break;
		case 'v':
			options->verbose = true;
			break;
		case 'V':
			printf("%s " PH_VERSION "\n", program->name);
			return EX_OK;
		case 'h':
			print_usage(program, stdout);
			return EX_OK;
		default:
			print_usage(program, stderr);
			return EX_USAGE;
		}
	if (optind == argc)
		return -1;
	fprintf(stderr, "%s: \"%s\" is not an option; -h lists them\n",
		program->name, argv[optind]);
	return EX_USAGE;
}

static int
exit_status(const struct ph_err *err)
{
	return err->kind == PH_ERR_PERM ? EX_CONFIG : EX_TEMPFAIL;
}

/* What every daemon needs, whatever else it reads. */
static int
check_conf(const struct ph_conf *conf, const char *path, struct ph_err *err)
{
	const char *name = ph_conf_text(conf, "server", "name");

	if (*name == '\0')
		return ph_err_set(err, PH_ERR_PERM,
				  "%s: [server] name is not set; it is the "
				  "name of this server's server: key",
				  path);
	if (!ph_is_hostname(name))
		return ph_err_set(err, PH_ERR_PERM,
				  "%s: [server] name: \"%.60s\" is no server "
				  "name; expected letters, digits, '-' and '.'",
				  path, name);
	return 0;
}

static int
make_directories(const struct ph_run *run, struct ph_err *err)
{
	const char *own = run->program->directory;

	if (ph_make_directory(run->conf,
			      ph_conf_text(run->conf, "server", "state_dir"),
			      err) < 0 ||
	    ph_make_directory(run->conf,
			      ph_conf_text(run->conf, "tracking", "log_dir"),
			      err) < 0)
		return -1;
	return own == NULL
		   ? 0
		   : ph_make_directory(run->conf, ph_run_text(run, own), err);
}

static void
wait_for_signal(void)
{
	sigset_t set;
	int signal_number;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	while (sigwait(&set, &signal_number) != 0)
		;
}

static void
set_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	/* In every thread: one place waits for them, ours or libmilter's. */
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/*
 * In the parent: waits until the child is ready or dead, and never returns. In
 * the child: returns the descriptor to tell it by.
 */
static int
leave_terminal(void)
{
	int fds[2], status = 0;
	char ready;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		perror("fork");
		exit(EX_OSERR);
	}
	if (pid == 0) {
		close(fds[0]);
		setsid();
		return fds[1];
	}
	close(fds[1]);
	if (read(fds[0], &ready, 1) == 1)
		_exit(EX_OK);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE);
}

static void
tell_ready(struct ph_run *run)
{
	sd_notify(0, "READY=1");
	if (run->ready_fd < 0)
		return;
	if (write(run->ready_fd, "", 1) == 1) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		for (int fd = 0; null >= 0 && fd <= 2; fd++)
			dup2(null, fd);
		close(null);
	}
	close(run->ready_fd);
	run->ready_fd = -1;
}

static bool
keeps_files(const struct ph_run *run)
{
	const char *const *owner = run->program->owner;

	return owner[0] != NULL &&
	       *ph_conf_text(ph_run_conf(run), owner[0], owner[1]) != '\0';
}

static int
run_program(struct ph_run *run, struct ph_err *err)
{
	const struct ph_program *program = run->program;
	void *app = NULL;
	int status = EX_OK;

	set_signals();
	if (make_directories(run, err) < 0 ||
	    ph_server_open(run, &run->server, err) < 0)
		return -1;
	if (program->prepare != NULL && program->prepare(run, &app, err) < 0)
		return -1;
	if (ph_drop_privileges(run->conf, keeps_files(run), err) < 0)
		return -1;
	if (program->start(run, &app, err) < 0)
		return -1;
	ph_server_start(run->server, app);
	ph_info("%s %s started", program->name, PH_VERSION);
	tell_ready(run);
	if (program->main != NULL)
		status = program->main(run, app);
	else
		wait_for_signal();
	sd_notify(0, "STOPPING=1");
	atomic_store(&run->stopping, true);
	ph_server_stop(run->server,
		       ph_conf_int(run->conf, "server", "stop_timeout"));
	program->stop(app);
	ph_info("%s stopped", program->name);
	return status;
}

int
ph_program_main(const struct ph_program *program, int argc, char **argv)
{
	struct ph_run run = {.program = program, .ready_fd = -1};
	struct ph_err err = PH_ERR_INIT;
	struct options options;
	int status = parse_options(program, argc, argv, &options);

	if (status >= 0)
		return status;
	ph_log_open(program->name, true, options.verbose);
	if (ph_conf_load(options.conf, &run.conf, &err) < 0 ||
	    check_conf(run.conf, options.conf, &err) < 0) {
		ph_error("%s", err.text);
		ph_conf_free(&run.conf);
		return EX_CONFIG;
	}
	if (options.test) {
		printf("%s: the configuration is good\n", options.conf);
		ph_conf_free(&run.conf);
		return EX_OK;
	}
	if (!options.foreground) {
		run.ready_fd = leave_terminal();
		ph_log_open(program->name, false, options.verbose);
	}
	status = run_program(&run, &err);
	if (status < 0) {
		ph_error("%s", err.text);
		if (!options.foreground)
			fprintf(stderr, "%s: %s\n", program->name, err.text);
		status = exit_status(&err);
	}
	ph_server_close(&run.server);
	ph_conf_free(&run.conf);
	return status;
}
