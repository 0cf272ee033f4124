#ifndef TALK_H
#define TALK_H

#include "lib/smtp/lmtp_server.h"
#include "tests/unit/unit.h"

#include <string.h>

/*
 * A client and the engine: everything said by one side, everything answered
 * and noted by the other. RCPT of an address that begins with "no" is refused.
 */
struct talk {
	struct ph_lmtp *lmtp;
	GString *events; /* "MAIL a@b|RCPT ...|DATA|...", CONTENT left out */
	GString *content;
	GString *output;
	unsigned recipients;
	const char *data_reply;
};

static const struct ph_lmtp_limits plain = {.line = 0};

static inline void
talk_start(struct talk *talk, const struct ph_lmtp_limits *limits)
{
	memset(talk, 0, sizeof(*talk));
	talk->lmtp = ph_lmtp_new("mbx1.example.com", limits);
	talk->events = g_string_new(NULL);
	talk->content = g_string_new(NULL);
	talk->output = g_string_new(NULL);
	talk->data_reply = "354 Go on";
}

static inline void
talk_end(struct talk *talk)
{
	ph_lmtp_free(&talk->lmtp);
	ck_assert_ptr_null(talk->lmtp);
	g_string_free(talk->events, TRUE);
	g_string_free(talk->content, TRUE);
	g_string_free(talk->output, TRUE);
}

static inline void
note(struct talk *talk, const char *event, const char *address)
{
	g_string_append_printf(talk->events, "%s%s%s|", event,
			       address ? " " : "", address ? address : "");
}

static inline bool
on_event(struct talk *talk, enum ph_lmtp_event event,
	 const struct ph_lmtp_command *command)
{
	switch (event) {
	case PH_LMTP_MORE:
		return false;
	case PH_LMTP_MAIL:
		note(talk, "MAIL", command->address);
		ph_lmtp_reply(talk->lmtp, "250 2.1.0 Ok");
		talk->recipients = 0;
		return true;
	case PH_LMTP_RCPT:
		note(talk, "RCPT", command->address);
		if (g_str_has_prefix(command->address, "no")) {
			ph_lmtp_reply(talk->lmtp, "550 5.1.1 No");
		} else {
			ph_lmtp_reply(talk->lmtp, "250 2.1.5 Ok");
			talk->recipients++;
		}
		return true;
	case PH_LMTP_DATA:
		note(talk, "DATA", NULL);
		ph_lmtp_reply(talk->lmtp, talk->data_reply);
		return true;
	case PH_LMTP_CONTENT:
		ck_assert_uint_gt(command->size, 0);
		g_string_append_len(talk->content, command->content,
				    (gssize)command->size);
		return true;
	case PH_LMTP_DONE:
		note(talk, "DONE", ph_lmtp_xforward(talk->lmtp, "IDENT"));
		for (unsigned i = 1; i <= talk->recipients; i++) {
			g_autofree char *reply =
			    g_strdup_printf("250 2.1.5 Number %u", i);

			ph_lmtp_reply(talk->lmtp, reply);
		}
		return true;
	case PH_LMTP_TOO_BIG:
		note(talk, "TOO_BIG", NULL);
		return true;
	case PH_LMTP_RESET:
		note(talk, "RESET", NULL);
		return true;
	case PH_LMTP_XCLIENT:
		note(talk, "XCLIENT", ph_lmtp_xclient(talk->lmtp, "ADDR"));
		return true;
	case PH_LMTP_TLS:
		note(talk, "TLS", NULL);
		return false;
	case PH_LMTP_QUIT:
		note(talk, "QUIT", NULL);
		return false;
	case PH_LMTP_CLOSE:
		note(talk, "CLOSE", NULL);
		return false;
	}
	return false;
}

static inline void
say(struct talk *talk, const char *data, size_t size)
{
	struct ph_lmtp_command command;
	const char *output;
	size_t n;

	ph_lmtp_feed(talk->lmtp, data, size);
	while (on_event(talk, ph_lmtp_next(talk->lmtp, &command), &command))
		;
	output = ph_lmtp_output(talk->lmtp, &n);
	g_string_append_len(talk->output, output, (gssize)n);
	ph_lmtp_sent(talk->lmtp, n);
	ph_lmtp_output(talk->lmtp, &n);
	ck_assert_uint_eq(n, 0);
}

static inline void
say_text(struct talk *talk, const char *text)
{
	say(talk, text, strlen(text));
}

#define HELLO "LHLO hub.example.com\r\n"
#define OPEN HELLO "MAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n"

#endif
