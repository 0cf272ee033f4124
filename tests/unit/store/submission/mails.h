#ifndef SUBMISSION_MAILS_H
#define SUBMISSION_MAILS_H

/* Messages and servers' rules that several tests use. */

#define HEAD                                      \
	"From: Nuno <nuno@example.com>\n"         \
	"Date: Sun, 11 Nov 2012 10:00:00 +0000\n" \
	"Message-ID: <1@example.com>\nSubject: x\n"
#define TO_MOTA HEAD "To: mota@example.com\n\nhello\n"
#define TO_FOUR                                                \
	HEAD "To: a@x.example, b@x.example\nCc: c@x.example\n" \
	     "Bcc: d@x.example\n\nhello\n"

#define ALL(...)                      \
	(const struct fake_rule[])    \
	{                             \
		__VA_ARGS__,          \
		{                     \
			0, NULL, NULL \
		}                     \
	}
#define NO_RULE NULL
#endif
