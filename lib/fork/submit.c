#include "lib/fork/submit.h"

#include "lib/base/clock.h"
#include "lib/smtp/client.h"

#include <inttypes.h>
#include <string.h>

/* Postfix takes 2,048 bytes; what is only good to know is left out first. */
#define LINE_LIMIT ((size_t)2000)
#define PIECE ((size_t)65536)

static void
free_recipient(gpointer p)
{
	struct ph_submit_recipient *recipient = p;

	g_free(recipient->refusal);
	g_free(recipient);
}

GPtrArray *
ph_submit_recipients(void)
{
	return g_ptr_array_new_with_free_func(free_recipient);
}

struct ph_submit_recipient *
ph_submit_add(GPtrArray *recipients, const char *address)
{
	struct ph_submit_recipient *recipient =
	    g_new0(struct ph_submit_recipient, 1);

	recipient->address = address;
	g_ptr_array_add(recipients, recipient);
	return recipient;
}

/* ---- answers ----------------------------------------------------------- */

enum kind {
	YES,
	NO,    /* for good */
	LATER, /* or no sense */
};

/* Takes the reply. */
static enum kind
take(struct ph_smtp_reply *reply, const char *verb, char **text_r,
     struct ph_err *err)
{
	g_autofree char *text = ph_smtp_reply_format(reply);
	int code = reply->code;

	ph_smtp_reply_clear(reply);
	g_strdelimit(text, "\n", ' ');
	if (code / 100 == 2 || code == 354) {
		*text_r = g_steal_pointer(&text);
		return YES;
	}
	if (code / 100 != 5) {
		ph_err_set(err, PH_ERR_TEMP, "%s: %s", verb, text);
		return LATER;
	}
	*text_r = g_steal_pointer(&text);
	return NO;
}

/* All that were not refused yet are; tells. 0, or -1 from the caller. */
static int
refuse_rest(const struct ph_submit *submit, const char *text,
	    struct ph_err *err)
{
	g_autoptr(GPtrArray) rest = g_ptr_array_new();

	for (guint i = 0; i < submit->recipients->len; i++) {
		struct ph_submit_recipient *r = submit->recipients->pdata[i];

		if (r->refusal != NULL)
			continue;
		r->refusal = g_strdup(text);
		g_ptr_array_add(rest, r);
	}
	return submit->refused(submit->context, rest, err);
}

/* ---- envelope ---------------------------------------------------------- */

static void
add_param(GString *line, const char *name, const char *value)
{
	size_t before = line->len;

	if (value == NULL)
		return;
	g_string_append_printf(line, " %s%s", name, value);
	if (line->len > LINE_LIMIT)
		g_string_truncate(line, before);
}

static GString *
format_mail(const struct ph_submit *submit, const struct ph_smtp *smtp)
{
	GString *line = g_string_new(NULL);
	bool dsn = ph_smtp_offers(smtp, "DSN");
	g_autofree char *size = g_strdup_printf("%" PRIu64, submit->size);

	g_string_printf(line, "MAIL FROM:<%s>", submit->sender);
	if (ph_smtp_offers(smtp, "SIZE"))
		add_param(line, "SIZE=", size);
	if (submit->eight_bit && ph_smtp_offers(smtp, "8BITMIME"))
		add_param(line, "BODY=", "8BITMIME");
	if (submit->utf8 && ph_smtp_offers(smtp, "SMTPUTF8"))
		add_param(line, "SMTPUTF8", "");
	add_param(line, "RET=", dsn ? submit->ret : NULL);
	add_param(line, "ENVID=", dsn ? submit->envid : NULL);
	return line;
}

static GString *
format_rcpt(const struct ph_submit_recipient *recipient,
	    const struct ph_smtp *smtp)
{
	GString *line = g_string_new(NULL);
	bool dsn = ph_smtp_offers(smtp, "DSN");

	g_string_printf(line, "RCPT TO:<%s>", recipient->address);
	add_param(line, "NOTIFY=", dsn ? recipient->notify : NULL);
	add_param(line, "ORCPT=", dsn ? recipient->orcpt : NULL);
	return line;
}

/* 1 go on, 0 all were refused, -1. */
static int
say_mail(const struct ph_submit *submit, struct ph_smtp *smtp,
	 struct ph_err *err)
{
	g_autoptr(GString) line = format_mail(submit, smtp);
	g_autofree char *text = NULL;
	struct ph_smtp_reply reply;
	bool setup;

	if (ph_smtp_command(smtp, line->str, &reply, err) < 0)
		return -1;
	setup = ph_smtp_reply_is_setup(&reply);
	switch (take(&reply, "MAIL", &text, err)) {
	case YES:
		return 1;
	case NO:
		if (setup)
			return ph_err_set(err, PH_ERR_TEMP,
					  "MAIL: %s" PH_SMTP_SETUP, text);
		return refuse_rest(submit, text, err);
	case LATER:
		break;
	}
	return -1;
}

/* As above. A recipient that is put off puts off all: the copy is made for
 * all of them or for none. */
static int
say_rcpt(const struct ph_submit *submit, struct ph_smtp *smtp,
	 struct ph_err *err)
{
	g_autoptr(GPtrArray) refused = g_ptr_array_new();
	int64_t end = ph_clock_mono() + submit->options->envelope_timeout;

	for (guint i = 0; i < submit->recipients->len; i++) {
		struct ph_submit_recipient *r = submit->recipients->pdata[i];
		g_autoptr(GString) line = format_rcpt(r, smtp);
		g_autofree char *text = NULL;
		struct ph_smtp_reply reply;
		enum kind kind;

		if (ph_clock_mono() > end)
			return ph_err_set(err, PH_ERR_TEMP,
					  "the server takes too long for %u "
					  "recipients",
					  submit->recipients->len);
		if (ph_smtp_command(smtp, line->str, &reply, err) < 0)
			return -1;
		kind = take(&reply, r->address, &text, err);
		if (kind == LATER)
			return -1;
		if (kind == YES)
			continue;
		r->refusal = g_steal_pointer(&text);
		g_ptr_array_add(refused, r);
	}
	if (refused->len > 0 &&
	    submit->refused(submit->context, refused, err) < 0)
		return -1;
	return refused->len < submit->recipients->len;
}

/* ---- content ----------------------------------------------------------- */

/* In pieces, or the client would hold all of it. */
static int
sink(void *context, const char *data, size_t size, struct ph_err *err)
{
	while (size > 0) {
		size_t n = MIN(size, PIECE);

		if (ph_smtp_content(context, data, n, err) < 0)
			return -1;
		data += n;
		size -= n;
	}
	return 0;
}

/* As above. */
static int
say_data(const struct ph_submit *submit, struct ph_smtp *smtp,
	 struct ph_err *err)
{
	g_autofree char *text = NULL;
	struct ph_smtp_reply reply;
	int code;

	if (ph_smtp_data(smtp, &reply, err) < 0)
		return -1;
	code = reply.code;
	switch (take(&reply, "DATA", &text, err)) {
	case YES:
		if (code != 354)
			return ph_err_set(err, PH_ERR_TEMP, "DATA: %s", text);
		return submit->content(submit->context, sink, smtp, err) < 0
			   ? -1
			   : 1;
	case NO:
		return refuse_rest(submit, text, err);
	case LATER:
		break;
	}
	return -1;
}

static int
say_dot(const struct ph_submit *submit, struct ph_smtp *smtp, char **answer_r,
	struct ph_err *err)
{
	struct ph_smtp_reply reply;
	g_autofree char *text = NULL;

	if (ph_smtp_finish(smtp, &reply, 1, err) < 0)
		return -1;
	switch (take(&reply, "end of message", &text, err)) {
	case YES:
		*answer_r = g_steal_pointer(&text);
		return 1;
	case NO:
		return refuse_rest(submit, text, err);
	case LATER:
		break;
	}
	return -1;
}

int
ph_submit_run(const struct ph_submit *submit, char **answer_r,
	      struct ph_err *err)
{
	const struct ph_submit_options *options = submit->options;
	const struct ph_smtp_options smtp_options = {
	    .endpoint = options->endpoint,
	    .hello = submit->hello,
	    .connect_timeout = options->connect_timeout,
	    .timeout = options->timeout,
	    .final_timeout = options->final_timeout,
	};
	struct ph_smtp *smtp = NULL;
	int rc;

	*answer_r = NULL;
	if (ph_smtp_open(&smtp_options, &smtp, err) < 0)
		return -1;
	rc = say_mail(submit, smtp, err);
	if (rc > 0)
		rc = say_rcpt(submit, smtp, err);
	if (rc > 0)
		rc = say_data(submit, smtp, err);
	if (rc > 0)
		rc = say_dot(submit, smtp, answer_r, err);
	ph_smtp_close(&smtp);
	return rc;
}

char *
ph_submit_queue_id(const char *answer)
{
	const char *found = strstr(answer, "queued as ");
	size_t n = 0;

	if (found == NULL)
		return g_strdup("");
	found += strlen("queued as ");
	while (g_ascii_isalnum(found[n]))
		n++;
	return g_strndup(found, n);
}
