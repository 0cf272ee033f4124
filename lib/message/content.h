#ifndef PH_MESSAGE_CONTENT_H
#define PH_MESSAGE_CONTENT_H

#include "lib/message/headers.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a message holds: its MIME parts, the decoded text of its bodies, and
 * what kind of message it is. A malformed message is never refused: it is read
 * as far as it can be, and "suspicious" says that readers may disagree about
 * it. One thread; opens no attachment: that is ph_inspect's
 * (lib/message/inspect.h).
 *
 * The structure is read here and not by GMime, which has no limits, copies a
 * charset name of any length to the stack (RFC 2231 parameters) and keeps to
 * one reading of a contradictory message. Here every reading counts: of two
 * different Content-Type fields both are followed, and where a structure is
 * broken its bytes become a text as well, so that no rule is evaded by a
 * message that another reader mends in another way.
 */
struct ph_content;

/* Above these a message is read up to there and "truncated" is set. So it is
 * when parts inside parts would have the body read through more than about
 * PH_CONTENT_PASSES times, or decoded more than four times: only a message made
 * for that needs it. */
#define PH_CONTENT_PARTS ((size_t)1000) /* MIME parts, containers too */
#define PH_CONTENT_DEPTH ((size_t)100)	/* parts inside parts */
#define PH_CONTENT_TEXT ((size_t)16 * 1024 * 1024) /* decoded text, bytes */
#define PH_CONTENT_PASSES ((size_t)16)

/* One part that is not a container. */
struct ph_part {
	char *path; /* "1.2": position in the tree, from 1; the same twice
		     * when the message can be read in two ways */
	char *type; /* "application/pdf", lower case; as declared; what is
		     * no type at all is "text/plain" (RFC 2045 5.2) */
	char *name; /* decoded file name (RFC 2231, 2047, both); "" */
	char **other_names; /* those that other readers may show,
			     * NULL-terminated; NULL: none */
	char *charset;	    /* as declared, lower case; "" */
	bool attachment;    /* not a body: has a file name, or is not text, or
			     * Content-Disposition says so; an inline image
			     * counts */
	bool message;	    /* a message/rfc822 that is attached; its own parts
			     * follow as parts of their own */
	uint64_t size;	    /* decoded bytes */
	struct ph_content_source *source; /* private: where its bytes are */
};

/* What a message is; facts/exchange-rules.md section 3.2. */
enum {
	PH_CONTENT_OOF = 1 << 0,	     /* Auto-Submitted: auto-replied or
					      * Precedence: auto_reply, and no
					      * report: Postfix marks bounces so */
	PH_CONTENT_AUTO_FORWARD = 1 << 1,    /* Auto-Submitted: auto-forwarded,
					      * X-MS-Exchange-Inbox-Rules-Loop */
	PH_CONTENT_ENCRYPTED = 1 << 2,	     /* S/MIME enveloped, PGP/MIME */
	PH_CONTENT_CALENDARING = 1 << 3,     /* text/calendar with a method,
					      * Content-Class calendarmessage */
	PH_CONTENT_PROTECTED = 1 << 4,	     /* RMS: message.rpmsg */
	PH_CONTENT_VOICEMAIL = 1 << 5,	     /* Content-Class voice...,
					      * Message-Context: voice-message,
					      * X-VoiceMessage-Duration,
					      * multipart/voice-message */
	PH_CONTENT_SIGNED = 1 << 6,	     /* S/MIME clear or opaque, PGP */
	PH_CONTENT_APPROVAL = 1 << 7,	     /* a request to a moderator:
					      * X-PostHub-Approval-Requested */
	PH_CONTENT_READ_RECEIPT = 1 << 8,    /* multipart/report;
					      * disposition-notification */
	PH_CONTENT_DELIVERY_REPORT = 1 << 9, /* multipart/report;
					      * delivery-status */
};

/*
 * headers is borrowed for the time of the call; body (the bytes after the empty
 * line, as they came, CRLF or LF) must stay until free. Never NULL.
 */
struct ph_content *ph_content_new(struct ph_headers *headers, const void *body,
				  size_t size);
void ph_content_free(struct ph_content **content); /* NULL is fine */

/* Parts that are no containers, in order; borrowed. The first call finds the
 * sizes. */
const struct ph_part *ph_content_parts(const struct ph_content *content,
				       size_t *n_r);

/* The decoded bytes of a part, part->size of them; borrowed, never NULL. Made
 * when first asked for: most rules need but names and sizes. */
const void *ph_content_part_data(const struct ph_part *part);
/* Nobody borrows them any more: they are made again if asked for. */
void ph_content_part_forget(const struct ph_part *part);

/*
 * The text of the bodies: text parts that are not said to be attachments, named
 * ones, which readers show all the same, and those of attached messages too,
 * and the bytes of what is malformed; decoded (transfer encoding, charset; what
 * is no text becomes U+FFFD), CRLF as LF, HTML as text that keeps words apart
 * and leaves out scripts, styles and comments. Each valid UTF-8,
 * NUL-terminated, its size in sizes_r[i]; borrowed. A NUL in the text becomes
 * U+FFFD. Made when first asked for.
 */
const char *const *ph_content_texts(struct ph_content *content,
				    const size_t **sizes_r, size_t *n_r);

bool ph_content_part_is_text(const struct ph_part *part);
/* The text of any text part, attachment or not, in the same form and of at most
 * PH_CONTENT_TEXT bytes: 1 and *text_r (g_free), or 0: the part is not text. */
int ph_content_part_text(const struct ph_part *part, char **text_r,
			 size_t *size_r);

/* Flags PH_CONTENT_* above: of the message itself, not of one attached to
 * it. */
unsigned ph_content_types(const struct ph_content *content);
/* Is it encrypted, and nothing in it that anybody could read? */
bool ph_content_is_sealed(const struct ph_content *content);
/* Charsets of all parts, lower case, each once, NULL-terminated; borrowed. */
const char *const *ph_content_charsets(const struct ph_content *content);

/* Both make the texts, because their limit and their faults count. */
bool ph_content_truncated(struct ph_content *content);
/* Two readers may see different things: two Content-Type fields, a bad
 * boundary, ...; *reason_r (NULL is fine) is a few words about the first of
 * them, static; NULL if there is none. */
bool ph_content_suspicious(struct ph_content *content, const char **reason_r);

/*
 * HTML to text as above; html is valid UTF-8; g_free. Linear time. White space
 * is one blank, as a browser shows it, but in <pre>. Also leaves
 * out characters of no width (soft hyphen, joiners), with which words are cut
 * to evade rules; a non-breaking space becomes a blank. What only Outlook shows
 * ("<!--[if mso]>") is text. Style sheets are not obeyed: hidden text is text.
 */
char *ph_html_to_text(const char *html, size_t size, size_t *size_r);

#endif
