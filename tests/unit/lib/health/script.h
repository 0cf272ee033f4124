#ifndef SCRIPT_H
#define SCRIPT_H

#include "lib/base/text.h"
#include "tests/unit/unit.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * A server of SMTP or LMTP on a free port, with a thread that serves one
 * connection after the other: the greeting, then what the table says to a
 * command. An answer "" closes the connection instead. Every command is kept.
 */
struct answer {
	const char *verb, *text;
};

struct script {
	const struct answer *answers; /* ends with verb NULL: 250 for others */
	int listener;
	struct ph_endpoint endpoint;
	GThread *thread;
	GMutex lock;
	const char *mail;  /* the answer to MAIL, set under lock; or NULL */
	unsigned sessions; /* greeted; under lock */
	GString *said;	   /* lines of clients; under lock */
};

static const char *
script_answer(struct script *script, const char *line)
{
	const char *text = "250 ok";

	g_mutex_lock(&script->lock);
	g_string_append_printf(script->said, "%s\n", line);
	for (const struct answer *a = script->answers; a && a->verb; a++)
		if (g_str_has_prefix(line, a->verb))
			text = a->text;
	if (script->mail && g_str_has_prefix(line, "MAIL"))
		text = script->mail;
	g_mutex_unlock(&script->lock);
	return text;
}

static void
script_serve(struct script *script, FILE *in, FILE *out)
{
	char line[1024];

	g_mutex_lock(&script->lock);
	script->sessions++;
	g_mutex_unlock(&script->lock);
	fputs("220 script\r\n", out);
	fflush(out);
	while (fgets(line, sizeof(line), in)) {
		const char *text;

		g_strchomp(line);
		text = script_answer(script, line);
		if (!*text)
			return;
		fprintf(out, "%s\r\n", text);
		fflush(out);
	}
}

static gpointer
script_run(gpointer data)
{
	struct script *script = data;
	int fd;

	while ((fd = accept(script->listener, NULL, NULL)) >= 0) {
		FILE *in = fdopen(fd, "r"), *out = fdopen(dup(fd), "w");

		script_serve(script, in, out);
		fclose(in);
		fclose(out);
	}
	return NULL;
}

static void
script_start(struct script *script, const struct answer *answers)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);

	memset(script, 0, sizeof(*script));
	g_mutex_init(&script->lock);
	script->answers = answers;
	script->said = g_string_new(NULL);
	script->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(
	    bind(script->listener, (const struct sockaddr *)&address, size), 0);
	ck_assert_int_eq(
	    getsockname(script->listener, (struct sockaddr *)&address, &size),
	    0);
	ck_assert_int_eq(listen(script->listener, 8), 0);
	g_strlcpy(script->endpoint.host, "127.0.0.1",
		  sizeof(script->endpoint.host));
	script->endpoint.port = ntohs(address.sin_port);
	script->thread = g_thread_new("script", script_run, script);
}

/* Every client has closed its connection before. */
static void
script_stop(struct script *script)
{
	shutdown(script->listener, SHUT_RDWR);
	g_thread_join(script->thread);
	close(script->listener);
	g_string_free(script->said, TRUE);
	g_mutex_clear(&script->lock);
}

#endif
