#ifndef SINK_H
#define SINK_H

#include "tests/unit/unit.h"

#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * The private smtpd of a test: takes connections on a UNIX socket, a thread for
 * each, answers as it was told, and keeps what it got.
 */
struct sink_mail {
	char *mail;	  /* the whole command */
	GPtrArray *rcpts; /* accepted, same */
	GString *content; /* unstuffed */
};

struct sink {
	char *path;
	int listener;
	GThread *thread;
	/* What to answer; set before anybody connects. NULL: yes. */
	const char *greeting, *mail, *data, *dot;
	const char *refuse;	 /* recipients with this in their address */
	const char *refuse_with; /* get this */
	const char *only_to;	 /* dot and data are for mail to this alone */
	bool cut_after_dot;	 /* the connection, nothing is said */
	bool plain;		 /* offers nothing */
	GMutex lock;
	GPtrArray *mails; /* struct sink_mail, taken or cut; under lock */
};

struct sink_session {
	struct sink *sink;
	int fd;
	GString *in;
	struct sink_mail *now;
};

static inline void
sink_mail_free(gpointer p)
{
	struct sink_mail *mail = p;

	if (mail == NULL)
		return;
	g_free(mail->mail);
	g_ptr_array_unref(mail->rcpts);
	g_string_free(mail->content, TRUE);
	g_free(mail);
}

static inline void
sink_say(const struct sink_session *s, const char *text)
{
	g_autofree char *line = g_strconcat(text, "\r\n", NULL);
	/* A client that has gone is the test's to see. */
	ssize_t n = send(s->fd, line, strlen(line), MSG_NOSIGNAL);

	(void)n;
}

static inline bool
sink_read(struct sink_session *s)
{
	char buffer[65536];
	ssize_t n = read(s->fd, buffer, sizeof(buffer));

	if (n <= 0)
		return false;
	g_string_append_len(s->in, buffer, n);
	return true;
}

/* NULL: the connection has ended. g_free. */
static inline char *
sink_line(struct sink_session *s)
{
	const char *end;
	char *line;

	while ((end = strstr(s->in->str, "\r\n")) == NULL)
		if (!sink_read(s))
			return NULL;
	line = g_strndup(s->in->str, (gsize)(end - s->in->str));
	g_string_erase(s->in, 0, end - s->in->str + 2);
	return line;
}

/* Up to the final dot, by bytes: content may hold anything. */
static inline bool
sink_content(struct sink_session *s)
{
	size_t from = 0;
	const char *p, *end;

	g_string_insert_len(s->in, 0, "\r\n", 2);
	for (;;) {
		size_t start = from > 4 ? from - 4 : 0;

		end = memmem(s->in->str + start, s->in->len - start,
			     "\r\n.\r\n", 5);
		if (end != NULL)
			break;
		from = s->in->len;
		if (!sink_read(s))
			return false;
	}
	for (p = s->in->str; p < end; p++) {
		g_string_append_c(s->now->content, *p);
		if (*p == '\n' && p > s->in->str && p[-1] == '\r' &&
		    p[1] == '.' && p + 1 < end)
			p++;
	}
	g_string_append(s->now->content, "\r\n");
	g_string_erase(s->now->content, 0, 2);
	g_string_erase(s->in, 0, end - s->in->str + 5);
	return true;
}

/* Are answers about the content meant for this mail? */
static inline bool
sink_is_meant(const struct sink_session *s)
{
	const struct sink *sink = s->sink;

	if (sink->only_to == NULL)
		return true;
	for (guint i = 0; i < s->now->rcpts->len; i++)
		if (strstr(s->now->rcpts->pdata[i], sink->only_to) != NULL)
			return true;
	return false;
}

static inline bool
sink_data(struct sink_session *s)
{
	struct sink *sink = s->sink;
	bool meant = sink_is_meant(s), cut = sink->cut_after_dot && meant;

	if (sink->data != NULL && meant) {
		sink_say(s, sink->data);
		return true;
	}
	sink_say(s, "354 go on");
	if (!sink_content(s))
		return false;
	if (sink->dot != NULL && meant) {
		sink_say(s, sink->dot);
		return true;
	}
	g_mutex_lock(&sink->lock);
	g_ptr_array_add(sink->mails, g_steal_pointer(&s->now));
	if (!cut) {
		g_autofree char *said = g_strdup_printf(
		    "250 2.0.0 Ok: queued as Q%u", sink->mails->len);

		sink_say(s, said);
	}
	g_mutex_unlock(&sink->lock);
	return !cut;
}

static inline void
sink_mail(struct sink_session *s, const char *line)
{
	sink_mail_free(s->now);
	s->now = g_new0(struct sink_mail, 1);
	s->now->mail = g_strdup(line);
	s->now->rcpts = g_ptr_array_new_with_free_func(g_free);
	s->now->content = g_string_new(NULL);
	sink_say(s, s->sink->mail != NULL ? s->sink->mail : "250 2.1.0 Ok");
}

static inline void
sink_rcpt(struct sink_session *s, const char *line)
{
	const struct sink *sink = s->sink;

	if (sink->refuse != NULL && strstr(line, sink->refuse) != NULL) {
		sink_say(s, sink->refuse_with);
		return;
	}
	g_ptr_array_add(s->now->rcpts, g_strdup(line));
	sink_say(s, "250 2.1.5 Ok");
}

static inline bool
sink_command(struct sink_session *s, const char *line)
{
	if (g_str_has_prefix(line, "EHLO "))
		sink_say(s, s->sink->plain
				? "250 private"
				: "250-private\r\n250-SIZE\r\n250-8BITMIME\r\n"
				  "250-DSN\r\n250 SMTPUTF8");
	else if (g_str_has_prefix(line, "MAIL FROM:"))
		sink_mail(s, line);
	else if (g_str_has_prefix(line, "RCPT TO:"))
		sink_rcpt(s, line);
	else if (strcmp(line, "DATA") == 0)
		return sink_data(s);
	else
		return false;
	return true;
}

static inline void
sink_serve(struct sink *sink, int fd)
{
	struct sink_session s = {sink, fd, g_string_new(NULL), NULL};
	char *line;
	bool more = true;

	sink_say(&s, sink->greeting != NULL ? sink->greeting : "220 private");
	while (more && (line = sink_line(&s)) != NULL) {
		more = sink_command(&s, line);
		g_free(line);
	}
	sink_mail_free(s.now);
	g_string_free(s.in, TRUE);
	close(fd);
}

struct sink_call {
	struct sink *sink;
	int fd;
};

static inline gpointer
sink_call(gpointer data)
{
	struct sink_call *call = data;

	sink_serve(call->sink, call->fd);
	g_free(call);
	return NULL;
}

static inline gpointer
sink_run(gpointer data)
{
	struct sink *sink = data;
	g_autoptr(GPtrArray) threads = g_ptr_array_new();
	int fd;

	while ((fd = accept(sink->listener, NULL, NULL)) >= 0) {
		struct sink_call *call = g_new0(struct sink_call, 1);

		*call = (struct sink_call){sink, fd};
		g_ptr_array_add(threads,
				g_thread_new("session", sink_call, call));
	}
	for (guint i = 0; i < threads->len; i++)
		g_thread_join(threads->pdata[i]);
	return NULL;
}

static inline void
sink_start(struct sink *sink, const char *dir)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memset(sink, 0, sizeof(*sink));
	g_mutex_init(&sink->lock);
	sink->mails = g_ptr_array_new_with_free_func(sink_mail_free);
	sink->path = g_build_filename(dir, "inject", NULL);
	g_strlcpy(address.sun_path, sink->path, sizeof(address.sun_path));
	sink->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(sink->listener, (const struct sockaddr *)&address,
			      sizeof(address)),
			 0);
	ck_assert_int_eq(listen(sink->listener, 8), 0);
	sink->thread = g_thread_new("sink", sink_run, sink);
}

/* Nobody is served any more, and nobody can connect. */
static inline void
sink_stop(struct sink *sink)
{
	if (sink->thread == NULL)
		return;
	shutdown(sink->listener, SHUT_RDWR);
	g_thread_join(g_steal_pointer(&sink->thread));
	close(sink->listener);
	unlink(sink->path);
}

static inline void
sink_free(struct sink *sink)
{
	sink_stop(sink);
	g_ptr_array_unref(sink->mails);
	g_mutex_clear(&sink->lock);
	g_free(sink->path);
}

static inline guint
sink_count(struct sink *sink)
{
	guint n;

	g_mutex_lock(&sink->lock);
	n = sink->mails->len;
	g_mutex_unlock(&sink->lock);
	return n;
}

/* Borrowed. */
static inline struct sink_mail *
sink_at(struct sink *sink, guint i)
{
	struct sink_mail *mail;

	g_mutex_lock(&sink->lock);
	ck_assert_uint_lt(i, sink->mails->len);
	mail = sink->mails->pdata[i];
	g_mutex_unlock(&sink->lock);
	return mail;
}

#endif
