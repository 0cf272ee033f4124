#include "tests/fuzz/fuzz.h"

#include "lib/smtp/lmtp_server.h"

#include <glib.h>
#include <string.h>

/*
 * The first byte chooses what is offered, the second how input is cut; the
 * rest is what a client sends. What comes of it does not depend on the cuts.
 */
enum {
	TRUSTED = 1,
	DSN = 2,
	SIZE_LIMIT = 4,
	REFUSING = 8, /* every other RCPT and DATA */
	TLS = 16,
};

struct run {
	struct ph_lmtp *lmtp;
	unsigned flags;
	GString *answers, *messages;
	GString *content; /* of the message that is being read */
	size_t recipients, asked;
	bool over;
};

static const char *
choose(struct run *run, const char *yes, const char *no)
{
	return run->flags & REFUSING && run->asked++ % 2 == 1 ? no : yes;
}

static void
on_rcpt(struct run *run)
{
	const char *answer = choose(run, "250 2.1.5 Ok", "550 5.1.1 No");

	run->recipients += *answer == '2';
	ph_lmtp_reply(run->lmtp, answer);
}

static void
on_done(struct run *run)
{
	g_assert(run->recipients > 0);
	for (size_t i = 0; i < run->recipients; i++) {
		g_autofree char *reply =
		    g_strdup_printf("250 2.1.5 Number %zu", i);

		ph_lmtp_reply(run->lmtp, reply);
	}
	g_string_append_printf(run->messages, "%zu:", run->content->len);
	g_string_append_len(run->messages, run->content->str,
			    (gssize)run->content->len);
}

static void
end_transaction(struct run *run)
{
	run->recipients = 0;
	g_string_truncate(run->content, 0);
}

/* False: feed more. */
static bool
on_event(struct run *run, enum ph_lmtp_event event,
	 const struct ph_lmtp_command *command)
{
	switch (event) {
	case PH_LMTP_MORE:
		return false;
	case PH_LMTP_MAIL:
		g_assert_true(g_utf8_validate(command->address, -1, NULL));
		end_transaction(run);
		ph_lmtp_reply(run->lmtp, "250 2.1.0 Ok");
		return true;
	case PH_LMTP_RCPT:
		on_rcpt(run);
		return true;
	case PH_LMTP_DATA:
		ph_lmtp_reply(run->lmtp, choose(run, "354 Go", "451 4.3.0 No"));
		return true;
	case PH_LMTP_CONTENT:
		g_assert(command->size > 0);
		g_string_append_len(run->content, command->content,
				    (gssize)command->size);
		return true;
	case PH_LMTP_DONE:
		on_done(run);
		end_transaction(run);
		return true;
	case PH_LMTP_TOO_BIG:
	case PH_LMTP_RESET:
		end_transaction(run);
		return true;
	case PH_LMTP_XCLIENT:
		return true;
	case PH_LMTP_TLS:
		ph_lmtp_secure(run->lmtp);
		return true;
	case PH_LMTP_QUIT:
	case PH_LMTP_CLOSE:
		run->over = true;
		return false;
	}
	g_assert_not_reached();
}

static void
run_events(struct run *run)
{
	struct ph_lmtp_command command;
	const char *output;
	size_t size;

	while (on_event(run, ph_lmtp_next(run->lmtp, &command), &command))
		;
	output = ph_lmtp_output(run->lmtp, &size);
	if (size > 0)
		g_assert_true(size >= 2 &&
			      memcmp(output + size - 2, "\r\n", 2) == 0);
	g_string_append_len(run->answers, output, (gssize)size);
	ph_lmtp_sent(run->lmtp, size);
}

/* Answers and messages of a conversation that is cut into such pieces. */
static GString *
transcript(unsigned flags, const uint8_t *data, size_t size, size_t piece)
{
	const struct ph_lmtp_limits limits = {
	    .line = 128,
	    .recipients = 4,
	    .size = flags & SIZE_LIMIT ? 64 : 0,
	    .errors = 5,
	    .xclient = true,
	    .dsn = flags & DSN,
	    .tls = flags & TLS,
	};
	struct run run = {.flags = flags};

	run.lmtp = ph_lmtp_new("fuzz.example", &limits);
	if (flags & TRUSTED)
		ph_lmtp_trust(run.lmtp);
	run.answers = g_string_new(NULL);
	run.messages = g_string_new(NULL);
	run.content = g_string_new(NULL);
	for (size_t i = 0; i < size && !run.over; i += piece) {
		ph_lmtp_feed(run.lmtp, data + i, MIN(piece, size - i));
		run_events(&run);
	}
	g_string_append_len(run.answers, run.messages->str,
			    (gssize)run.messages->len);
	g_string_free(run.messages, TRUE);
	g_string_free(run.content, TRUE);
	ph_lmtp_free(&run.lmtp);
	return run.answers;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	GString *whole, *cut;

	if (size < 2)
		return 0;
	whole = transcript(data[0], data + 2, size - 2, size);
	cut = transcript(data[0], data + 2, size - 2, 1 + data[1] % 64);
	/* What was read together with STARTTLS is dropped. */
	if (!(data[0] & TLS))
		g_assert_true(g_string_equal(whole, cut));
	g_string_free(whole, TRUE);
	g_string_free(cut, TRUE);
	return 0;
}
