#ifndef REDIS_FIXTURE_H
#define REDIS_FIXTURE_H

#include "lib/base/clock.h"
#include "lib/base/conf.h"
#include "lib/state/redis.h"
#include "tests/unit/thread.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * A private redis-server on a UNIX socket in a directory of its own, and a
 * client to edit it as an administrator would. Static functions, because a
 * unit test is one file.
 */
struct fixture {
	char *dir;
	char *socket;
	pid_t pid; /* 0: not running */
	int port;  /* 0: UNIX socket only */
	const char *password;
	struct ph_conf *conf;
	struct ph_redis *admin;
};

#define FIXTURE_WAIT 15000

G_GNUC_UNUSED static struct ph_conf *
fixture_conf(const struct fixture *f, const char *text)
{
	g_autofree char *path = g_build_filename(f->dir, "posthub.conf", NULL);
	struct ph_conf *conf = NULL;
	struct ph_err err = PH_ERR_INIT;

	ck_assert(g_file_set_contents(path, text, -1, NULL));
	ck_assert_msg(ph_conf_load(path, &conf, &err) == 0, "%s", err.text);
	return conf;
}

static void
fixture_child(void *data)
{
	(void)data;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static int
fixture_free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, size), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size),
			 0);
	close(fd);
	return ntohs(address.sin_port);
}

static bool
fixture_answers(struct fixture *f)
{
	struct ph_reply *reply = NULL;
	const bool ok =
	    ph_redis_call(f->admin, &reply, NULL, "PING", NULL) == 0;

	ph_reply_free(&reply);
	return ok;
}

/* Again after fixture_kill: with nothing in it. */
static void
fixture_run(struct fixture *f)
{
	g_autofree char *port = g_strdup_printf("%d", f->port);
	char *argv[] = {(char *)"redis-server",
			(char *)"--port",
			port,
			(char *)"--bind",
			(char *)"127.0.0.1",
			(char *)"--unixsocket",
			f->socket,
			(char *)"--save",
			(char *)"",
			(char *)"--daemonize",
			(char *)"no",
			(char *)"--dir",
			f->dir,
			(char *)"--logfile",
			(char *)"redis.log",
			(char *)"--requirepass",
			(char *)(f->password != NULL ? f->password : ""),
			NULL};
	GPid pid;

	unlink(f->socket);
	ck_assert(g_spawn_async(f->dir, argv, NULL,
				G_SPAWN_SEARCH_PATH |
				    G_SPAWN_DO_NOT_REAP_CHILD |
				    G_SPAWN_STDOUT_TO_DEV_NULL,
				fixture_child, NULL, &pid, NULL));
	f->pid = pid;
	UNIT_WAIT(fixture_answers(f));
}

static void
fixture_kill(struct fixture *f)
{
	if (f->pid == 0)
		return;
	kill(f->pid, SIGKILL);
	kill(f->pid, SIGCONT);
	ck_assert_int_eq(waitpid(f->pid, NULL, 0), f->pid);
	f->pid = 0;
}

/* Makes the directory and the configuration; the server is not running yet. */
static void
fixture_init(struct fixture *f, const char *password, bool tcp)
{
	g_autofree char *text = NULL;
	g_autofree char *secret =
	    password != NULL ? g_strdup_printf(":%s@127.0.0.1", password)
			     : g_strdup("127.0.0.1");
	struct ph_err err = PH_ERR_INIT;

	memset(f, 0, sizeof(*f));
	f->dir = unit_mkdir();
	f->socket = g_build_filename(f->dir, "r.sock", NULL);
	f->password = password;
	f->port = tcp ? fixture_free_port() : 0;
	text = tcp ? g_strdup_printf("[redis]\nurl = redis://%s:%d\n", secret,
				     f->port)
		   : g_strdup_printf("[redis]\nurl = unix://%s\n", f->socket);
	f->conf = fixture_conf(f, text);
	ck_assert_msg(ph_redis_open(f->conf, &f->admin, &err) == 0, "%s",
		      err.text);
}

G_GNUC_UNUSED static void
fixture_start(struct fixture *f)
{
	fixture_init(f, NULL, false);
	fixture_run(f);
}

static void
fixture_stop(struct fixture *f)
{
	fixture_kill(f);
	ph_redis_close(&f->admin);
	ph_conf_free(&f->conf);
	g_free(f->socket);
	unit_rmdir(&f->dir);
}

/* One command as an administrator, words separated by one blank; "" is an
 * empty word. The integer it answers, or 0. */
G_GNUC_UNUSED static int64_t
fixture_do(struct fixture *f, const char *line)
{
	g_auto(GStrv) words = g_strsplit(line, " ", -1);
	const struct ph_command command = {g_strv_length(words),
					   (const char *const *)words, NULL};
	struct ph_reply *reply = NULL;
	struct ph_err err = PH_ERR_INIT;
	int64_t integer;

	ck_assert_msg(ph_redis_callv(f->admin, &command, &reply, &err) == 0,
		      "%s: %s", line, err.text);
	integer = ph_reply_integer(reply);
	ph_reply_free(&reply);
	return integer;
}

#define COMMAND(...)                                                    \
	{                                                               \
		sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), \
		    (const char *const[]){__VA_ARGS__}, NULL            \
	}

G_GNUC_UNUSED static struct ph_redis *
fixture_redis(const struct fixture *f, const char *text)
{
	struct ph_conf *conf = fixture_conf(f, text);
	struct ph_redis *redis = NULL;
	struct ph_err err = PH_ERR_INIT;

	ck_assert_msg(ph_redis_open(conf, &redis, &err) == 0, "%s", err.text);
	ph_conf_free(&conf);
	return redis;
}

/* With further settings of [redis]. */
G_GNUC_UNUSED static struct ph_redis *
fixture_redis_with(const struct fixture *f, const char *settings)
{
	g_autofree char *text = g_strdup_printf("[redis]\nurl = unix://%s\n%s",
						f->socket, settings);

	return fixture_redis(f, text);
}

G_GNUC_UNUSED static char *
fixture_get(struct ph_redis *redis, const char *key)
{
	struct ph_reply *reply = NULL;
	struct ph_err err = PH_ERR_INIT;
	char *text = NULL;

	ck_assert_msg(ph_redis_call(redis, &reply, &err, "GET", key, NULL) == 0,
		      "%s", err.text);
	if (ph_reply_type(reply) == PH_REPLY_STRING)
		text = g_strdup(ph_reply_text(reply, NULL));
	ph_reply_free(&reply);
	return text;
}

#endif
