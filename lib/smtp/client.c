#include "lib/smtp/client.h"
#include "lib/base/clock.h"
#include "lib/base/stream.h"
#include "lib/smtp/reply.h"

#include <glib.h>
#include <string.h>

/* Content is sent in pieces of this size. */
#define OUTPUT_SIZE ((size_t)65536)

struct ph_smtp {
	struct ph_stream *stream;
	struct ph_reply_parser *parser;
	char *hello;   /* the command */
	char **offers; /* lines of the EHLO answer after the first */
	GString *output;
	int64_t timeout, final_timeout;
	int64_t deadline; /* of everything; 0: none */
	/* Where the content stands in its line, for dot-stuffing. */
	bool at_line_start, after_cr;
	bool in_content; /* 354 was read, the final dot was not sent */
};

/* What of a timeout is left, at least 1: to a stream 0 is for ever. */
static int64_t
within(const struct ph_smtp *smtp, int64_t timeout_ms)
{
	int64_t left = smtp->deadline - ph_clock_mono();

	return smtp->deadline == 0 ? timeout_ms : MAX(MIN(left, timeout_ms), 1);
}

static int
flush_output(struct ph_smtp *smtp, struct ph_err *err)
{
	int rc;

	ph_stream_set_timeout(smtp->stream, within(smtp, smtp->timeout));
	rc = ph_stream_write(smtp->stream, smtp->output->str, smtp->output->len,
			     err);
	g_string_truncate(smtp->output, 0);
	return rc;
}

/* 1: *reply_r is there. 0: not by the deadline. -1. One look is had in any
 * case, for what has come meanwhile. */
static int
poll_reply(struct ph_smtp *smtp, int64_t deadline,
	   struct ph_smtp_reply *reply_r, struct ph_err *err)
{
	bool looked = false;
	char buffer[4096];
	int rc;

	*reply_r = (struct ph_smtp_reply){0, NULL};
	while ((rc = ph_reply_parser_next(smtp->parser, reply_r, err)) == 0) {
		int64_t left = deadline - ph_clock_mono();
		ssize_t n;

		if (left <= 0 && looked)
			return 0;
		looked = true;
		ph_stream_set_timeout(smtp->stream, MAX(left, 1));
		n = ph_stream_read(smtp->stream, buffer, sizeof buffer, err);
		if (n < 0 && ph_clock_mono() >= deadline)
			return 0;
		if (n < 0)
			return -1;
		if (n == 0)
			return ph_err_set(err, PH_ERR_TEMP,
					  "%s closed the connection",
					  ph_stream_peer(smtp->stream));
		ph_reply_parser_feed(smtp->parser, buffer, (size_t)n);
	}
	if (rc > 0)
		return 1;
	/* What a peer does wrong may be right next time, elsewhere. */
	if (err != NULL)
		err->kind = PH_ERR_TEMP;
	return -1;
}

/* The same, but none by the deadline, which is wait ms after the caller began
 * to wait, is -1, too. */
static int
take_reply(struct ph_smtp *smtp, int64_t deadline, int64_t wait,
	   struct ph_smtp_reply *reply_r, struct ph_err *err)
{
	int rc = poll_reply(smtp, deadline, reply_r, err);

	if (rc == 0)
		return ph_err_set(err, PH_ERR_TEMP, "%s: no answer in %d s",
				  ph_stream_peer(smtp->stream),
				  (int)(wait / 1000));
	return rc < 0 ? -1 : 0;
}

static int
read_reply(struct ph_smtp *smtp, int64_t timeout_ms,
	   struct ph_smtp_reply *reply_r, struct ph_err *err)
{
	int64_t wait = within(smtp, timeout_ms);

	return take_reply(smtp, ph_clock_mono() + wait, wait, reply_r, err);
}

void
ph_smtp_set_timeout(struct ph_smtp *smtp, int64_t timeout_ms)
{
	smtp->timeout = timeout_ms;
}

void
ph_smtp_set_deadline(struct ph_smtp *smtp, int64_t deadline)
{
	smtp->deadline = deadline;
}

int
ph_smtp_command(struct ph_smtp *smtp, const char *line,
		struct ph_smtp_reply *reply_r, struct ph_err *err)
{
	for (const char *p = line; *p != '\0'; p++)
		g_assert((unsigned char)*p >= ' ' && *p != 0x7f);
	*reply_r = (struct ph_smtp_reply){0, NULL};
	g_string_append(smtp->output, line);
	g_string_append(smtp->output, "\r\n");
	if (flush_output(smtp, err) < 0)
		return -1;
	return read_reply(smtp, smtp->timeout, reply_r, err);
}

static int
refuse_session(struct ph_smtp_reply *reply, struct ph_err *err)
{
	g_autofree char *text = ph_smtp_reply_format(reply);

	ph_smtp_reply_clear(reply);
	return ph_err_set(err, PH_ERR_TEMP, "%s", text);
}

static int
take_hello(struct ph_smtp *smtp, struct ph_smtp_reply *reply,
	   struct ph_err *err)
{
	if (reply->code != 250)
		return refuse_session(reply, err);
	g_strfreev(smtp->offers);
	smtp->offers = g_strdupv(reply->lines + 1);
	ph_smtp_reply_clear(reply);
	return 0;
}

static int
say_hello(struct ph_smtp *smtp, struct ph_err *err)
{
	struct ph_smtp_reply reply;

	if (ph_smtp_command(smtp, smtp->hello, &reply, err) < 0)
		return -1;
	return take_hello(smtp, &reply, err);
}

/* RFC 5321 section 3.2: for a server that knows no EHLO. */
static int
say_either(struct ph_smtp *smtp, const struct ph_smtp_options *options,
	   struct ph_err *err)
{
	struct ph_smtp_reply reply;
	g_autofree char *helo = NULL;

	if (!options->helo && !options->force_helo)
		return say_hello(smtp, err);
	helo = g_strconcat("HELO ", options->hello, NULL);
	if (ph_smtp_command(smtp, options->force_helo ? helo : smtp->hello,
			    &reply, err) < 0)
		return -1;
	if (reply.code / 100 == 5 && !options->force_helo) {
		ph_smtp_reply_clear(&reply);
		if (ph_smtp_command(smtp, helo, &reply, err) < 0)
			return -1;
	}
	return take_hello(smtp, &reply, err);
}

static int
greet(struct ph_smtp *smtp, const struct ph_smtp_options *options,
      struct ph_err *err)
{
	struct ph_smtp_reply reply;

	if (read_reply(smtp, options->connect_timeout, &reply, err) < 0)
		return -1;
	if (reply.code != 220)
		return refuse_session(&reply, err);
	ph_smtp_reply_clear(&reply);
	return say_either(smtp, options, err);
}

int
ph_smtp_start_tls(struct ph_smtp *smtp, const struct ph_tls_options *options,
		  struct ph_smtp_reply *reply_r, struct ph_err *err)
{
	if (ph_smtp_command(smtp, "STARTTLS", reply_r, err) < 0)
		return -1;
	if (reply_r->code != 220)
		return 0;
	/* What came in the clear behind the answer is not the server's word
	 * (CVE-2011-0411). */
	ph_reply_parser_free(&smtp->parser);
	smtp->parser = ph_reply_parser_new();
	ph_stream_set_timeout(smtp->stream, within(smtp, smtp->timeout));
	if (ph_tls_start(smtp->stream, options, err) == 0 &&
	    say_hello(smtp, err) == 0)
		return 0;
	ph_smtp_reply_clear(reply_r);
	return -1;
}

int
ph_smtp_open(const struct ph_smtp_options *options, struct ph_smtp **smtp_r,
	     struct ph_err *err)
{
	struct ph_smtp *smtp = g_new0(struct ph_smtp, 1);

	smtp->output = g_string_new(NULL);
	smtp->hello = g_strconcat(options->lmtp ? "LHLO " : "EHLO ",
				  options->hello, NULL);
	smtp->parser = ph_reply_parser_new();
	smtp->final_timeout = options->final_timeout;
	smtp->timeout = options->connect_timeout;
	/* Of all together, or each would have all of the time. */
	smtp->deadline = options->deadline;
	smtp->deadline =
	    ph_clock_mono() + within(smtp, options->connect_timeout);
	if (ph_stream_connect(&options->endpoint, options->bind_address,
			      within(smtp, options->connect_timeout),
			      &smtp->stream, err) < 0 ||
	    greet(smtp, options, err) < 0) {
		ph_smtp_close(&smtp);
		return ph_err_wrap(err, "%s:%d", options->endpoint.host,
				   options->endpoint.port);
	}
	smtp->timeout = options->timeout;
	smtp->deadline = 0;
	*smtp_r = smtp;
	return 0;
}

void
ph_smtp_close(struct ph_smtp **smtp)
{
	if (*smtp == NULL)
		return;
	if ((*smtp)->stream != NULL && !(*smtp)->in_content) {
		ph_stream_set_timeout((*smtp)->stream, 1000);
		(void)ph_stream_write((*smtp)->stream, "QUIT\r\n", 6, NULL);
	}
	ph_stream_free(&(*smtp)->stream);
	ph_reply_parser_free(&(*smtp)->parser);
	g_free((*smtp)->hello);
	g_strfreev((*smtp)->offers);
	g_string_free((*smtp)->output, TRUE);
	g_free(*smtp);
	*smtp = NULL;
}

static const char *
find_offer(const struct ph_smtp *smtp, const char *keyword)
{
	size_t n = strlen(keyword);

	for (size_t i = 0; smtp->offers[i] != NULL; i++) {
		const char *line = smtp->offers[i];

		if (g_ascii_strncasecmp(line, keyword, n) == 0 &&
		    (line[n] == '\0' || line[n] == ' '))
			return line + n;
	}
	return NULL;
}

bool
ph_smtp_offers(const struct ph_smtp *smtp, const char *keyword)
{
	return find_offer(smtp, keyword) != NULL;
}

const char *
ph_smtp_parameters(const struct ph_smtp *smtp, const char *keyword)
{
	const char *rest = find_offer(smtp, keyword);

	return rest == NULL ? "" : rest + strspn(rest, " ");
}

void
ph_smtp_append_xtext(GString *line, const char *value)
{
	for (const char *p = value; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f ||
		    *p == '+' || *p == '=')
			g_string_append_printf(line, "+%02X",
					       (unsigned char)*p);
		else
			g_string_append_c(line, *p);
}

int
ph_smtp_xforward(struct ph_smtp *smtp, const char *const *pairs,
		 struct ph_smtp_reply *reply_r, struct ph_err *err)
{
	g_autoptr(GString) line = g_string_new("XFORWARD");
	g_auto(GStrv) offered =
	    g_strsplit(ph_smtp_parameters(smtp, "XFORWARD"), " ", -1);
	bool any = false;

	for (size_t i = 0; pairs[i] != NULL && pairs[i + 1] != NULL; i += 2) {
		if (!g_strv_contains((const char *const *)offered, pairs[i]))
			continue;
		g_string_append_printf(line, " %s=", pairs[i]);
		ph_smtp_append_xtext(line, *pairs[i + 1] != '\0'
					       ? pairs[i + 1]
					       : "[UNAVAILABLE]");
		any = true;
	}
	if (any)
		return ph_smtp_command(smtp, line->str, reply_r, err);
	reply_r->code = 250;
	reply_r->lines = g_new0(char *, 2);
	reply_r->lines[0] = g_strdup("2.0.0 Ok");
	return 0;
}

static int
send_path(struct ph_smtp *smtp, const char *verb, const char *address,
	  const char *const *params, struct ph_smtp_reply *reply_r,
	  struct ph_err *err)
{
	g_autoptr(GString) line = g_string_new(verb);

	g_string_append_printf(line, ":<%s>", address);
	for (size_t i = 0; params != NULL && params[i] != NULL; i++)
		g_string_append_printf(line, " %s", params[i]);
	return ph_smtp_command(smtp, line->str, reply_r, err);
}

int
ph_smtp_mail(struct ph_smtp *smtp, const char *address,
	     const char *const *params, struct ph_smtp_reply *reply_r,
	     struct ph_err *err)
{
	return send_path(smtp, "MAIL FROM", address, params, reply_r, err);
}

int
ph_smtp_rcpt(struct ph_smtp *smtp, const char *address,
	     const char *const *params, struct ph_smtp_reply *reply_r,
	     struct ph_err *err)
{
	return send_path(smtp, "RCPT TO", address, params, reply_r, err);
}

int
ph_smtp_reset(struct ph_smtp *smtp, struct ph_smtp_reply *reply_r,
	      struct ph_err *err)
{
	return ph_smtp_command(smtp, "RSET", reply_r, err);
}

int
ph_smtp_data(struct ph_smtp *smtp, struct ph_smtp_reply *reply_r,
	     struct ph_err *err)
{
	int rc = ph_smtp_command(smtp, "DATA", reply_r, err);

	smtp->at_line_start = true;
	smtp->after_cr = false;
	smtp->in_content = rc == 0 && reply_r->code == 354;
	return rc;
}

int
ph_smtp_content(struct ph_smtp *smtp, const void *data, size_t size,
		struct ph_err *err)
{
	const char *p = data;

	for (size_t i = 0; i < size; i++) {
		if (smtp->at_line_start && p[i] == '.')
			g_string_append_c(smtp->output, '.');
		g_string_append_c(smtp->output, p[i]);
		/* Only CRLF ends a line: a lone LF in front of a dot must not
		 * be understood otherwise by anybody on the way. */
		smtp->at_line_start = smtp->after_cr && p[i] == '\n';
		smtp->after_cr = p[i] == '\r';
	}
	if (smtp->output->len < OUTPUT_SIZE)
		return 0;
	return flush_output(smtp, err);
}

static int
maybe(struct ph_err *err)
{
	if (err != NULL)
		err->kind = PH_ERR_MAYBE;
	return -1;
}

int
ph_smtp_end(struct ph_smtp *smtp, struct ph_err *err)
{
	/* The message would be taken, and the answer not waited for. */
	if (smtp->deadline != 0 && ph_clock_mono() >= smtp->deadline)
		return ph_err_set(err, PH_ERR_TEMP,
				  "%s: no time is left for its answer",
				  ph_stream_peer(smtp->stream));
	if (!smtp->at_line_start)
		g_string_append(smtp->output, "\r\n");
	g_string_append(smtp->output, ".\r\n");
	smtp->in_content = false;
	/* Part of it may have left, the dot included. */
	return flush_output(smtp, err) < 0 ? maybe(err) : 0;
}

int
ph_smtp_final(struct ph_smtp *smtp, int64_t slice_ms,
	      struct ph_smtp_reply *reply_r, struct ph_err *err)
{
	int rc = poll_reply(smtp, ph_clock_mono() + slice_ms, reply_r, err);

	return rc < 0 ? maybe(err) : rc;
}

int
ph_smtp_answers(struct ph_smtp *smtp, struct ph_smtp_reply *replies_r, size_t n,
		struct ph_err *err)
{
	int64_t wait = within(smtp, smtp->final_timeout);
	int64_t deadline = ph_clock_mono() + wait;

	for (size_t i = 0; i < n; i++)
		replies_r[i] = (struct ph_smtp_reply){0, NULL};
	for (size_t i = 0; i < n; i++)
		if (take_reply(smtp, deadline, wait, &replies_r[i], err) < 0)
			return maybe(err);
	return 0;
}

int
ph_smtp_finish(struct ph_smtp *smtp, struct ph_smtp_reply *replies_r, size_t n,
	       struct ph_err *err)
{
	for (size_t i = 0; i < n; i++)
		replies_r[i] = (struct ph_smtp_reply){0, NULL};
	return ph_smtp_end(smtp, err) < 0
		   ? -1
		   : ph_smtp_answers(smtp, replies_r, n, err);
}
