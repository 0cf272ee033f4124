#ifndef SUBMISSION_FAKE_IMAP_H
#define SUBMISSION_FAKE_IMAP_H

#include "tests/unit/store/submission/lab.h"

#include <poll.h>

/*
 * An IMAP server in memory, a thread a session: as much of the protocol as a
 * master user needs, answers as a good server gives them, save where a rule
 * says otherwise. After so many bytes it says no more and closes, once.
 */
struct fake_letter {
	char *user;   /* "nuno@example.com" */
	char *folder; /* "INBOX", "Outbox", ... */
	uint32_t uid;
	bool claimed, seen, draft;
	GString *text;
};

enum fake_imap_how {
	FAKE_HANGS,   /* no answer, for as long as the client waits */
	FAKE_INSTEAD, /* "NO [CODE] text", and nothing is done */
	FAKE_FRONT,   /* lines in front of the answer, or of IDLE's "+" */
	FAKE_BEHIND,  /* lines in one piece with IDLE's "+" */
};

struct fake_imap_rule {
	const char *user;    /* NULL: of everybody */
	const char *command; /* that begins so; "greeting", "login" */
	enum fake_imap_how how;
	const char *text;
	int times; /* so many; 0: always */
};

struct fake_imap {
	int listener, port;
	GMutex mutex;
	GPtrArray *letters; /* struct fake_letter */
	uint32_t next_uid, validity;
	int64_t left; /* bytes; -1: no limit */
	int64_t said; /* bytes, of all */
	bool cut;     /* it happened */
	bool condstore, refuse;
	bool nomodseq; /* of the mailboxes, though CONDSTORE is known */
	bool idle;     /* IDLE is known */
	bool slow;     /* reads what is appended slowly */
	struct fake_imap_rule *rules; /* ends with command NULL; or NULL */
	GString *log;		      /* "user: command" of each, a line each */
	unsigned changes;	      /* how often letters were changed */
	unsigned connections;
	GArray *fds;	     /* of sessions */
	GPtrArray *sessions; /* GThread */
	GThread *thread;
};

struct fake_session {
	struct fake_imap *fake;
	int fd;
	char *user, *selected;
};

static inline void
fake_letter_free(void *p)
{
	struct fake_letter *letter = p;

	g_free(letter->user);
	g_free(letter->folder);
	g_string_free(letter->text, TRUE);
	g_free(letter);
}

/* With the mutex held, or before anybody is there. */
static inline void
fake_imap_add_for(struct fake_imap *fake, const char *user, const char *folder,
		  const char *text, size_t size, const char *flags)
{
	struct fake_letter *letter = g_new0(struct fake_letter, 1);

	letter->user = g_strdup(user);
	letter->folder = g_strdup(folder);
	letter->uid = fake->next_uid++;
	letter->text = g_string_new_len(text, (gssize)size);
	letter->seen = strstr(flags, "Seen") != NULL;
	letter->draft = strstr(flags, "Draft") != NULL;
	g_ptr_array_add(fake->letters, letter);
	fake->changes++;
}

#define FAKE_NUNO "nuno@example.com"

static inline void
fake_imap_add(struct fake_imap *fake, const char *folder, const char *text,
	      size_t size, const char *flags)
{
	fake_imap_add_for(fake, FAKE_NUNO, folder, text, size, flags);
}

static inline guint
fake_imap_count(struct fake_imap *fake, const char *folder)
{
	guint n = 0;

	g_mutex_lock(&fake->mutex);
	for (guint i = 0; i < fake->letters->len; i++)
		n +=
		    strcmp(
			((struct fake_letter *)fake->letters->pdata[i])->folder,
			folder) == 0;
	g_mutex_unlock(&fake->mutex);
	return n;
}

/* How many commands held this text. */
static inline guint
fake_imap_heard(struct fake_imap *fake, const char *text)
{
	guint n = 0;

	g_mutex_lock(&fake->mutex);
	for (const char *p = fake->log->str; (p = strstr(p, text)) != NULL; p++)
		n++;
	g_mutex_unlock(&fake->mutex);
	return n;
}

/* False: the connection dies here. */
static inline bool
fake_imap_say(struct fake_session *session, const char *text, size_t size)
{
	struct fake_imap *fake = session->fake;
	size_t n = size;

	g_mutex_lock(&fake->mutex);
	if (fake->left >= 0 && (int64_t)n > fake->left)
		n = (size_t)fake->left;
	if (fake->left >= 0)
		fake->left -= (int64_t)n;
	fake->said += (int64_t)n;
	if (n < size) {
		fake->cut = true;
		fake->left = -1;
	}
	g_mutex_unlock(&fake->mutex);
	return (n == 0 ||
		send(session->fd, text, n, MSG_NOSIGNAL) == (ssize_t)n) &&
	       n == size;
}

/* ---- rules ------------------------------------------------------------- */

/* The text of a rule that holds now; NULL: there is none. */
static inline const char *
fake_imap_rule(struct fake_session *session, const char *command,
	       enum fake_imap_how how)
{
	struct fake_imap *fake = session->fake;
	const char *text = NULL;

	g_mutex_lock(&fake->mutex);
	for (struct fake_imap_rule *rule = fake->rules;
	     rule != NULL && rule->command != NULL && text == NULL; rule++) {
		if (rule->how != how ||
		    !g_str_has_prefix(command, rule->command) ||
		    (rule->user != NULL &&
		     g_strcmp0(rule->user, session->user) != 0))
			continue;
		text = rule->text != NULL ? rule->text : "";
		if (rule->times > 0 && --rule->times == 0)
			rule->how = (enum fake_imap_how) - 1;
	}
	g_mutex_unlock(&fake->mutex);
	return text;
}

/* Until the client has gone. */
static inline bool
fake_imap_hangs(struct fake_session *session, const char *command)
{
	char c;

	if (fake_imap_rule(session, command, FAKE_HANGS) == NULL)
		return false;
	while (recv(session->fd, &c, 1, 0) == 1)
		;
	return true;
}

/* ---- commands ---------------------------------------------------------- */

static inline bool
fake_imap_is_here(const struct fake_session *session,
		  const struct fake_letter *letter)
{
	return strcmp(letter->folder, session->selected) == 0 &&
	       strcmp(letter->user, session->user) == 0;
}

static inline struct fake_letter *
fake_imap_find(struct fake_session *session, const char *uid)
{
	const GPtrArray *letters = session->fake->letters;

	for (guint i = 0; i < letters->len; i++) {
		struct fake_letter *letter = letters->pdata[i];

		if (fake_imap_is_here(session, letter) &&
		    letter->uid == g_ascii_strtoull(uid, NULL, 10))
			return letter;
	}
	return NULL;
}

static inline guint
fake_imap_exists(const struct fake_session *session)
{
	const GPtrArray *letters = session->fake->letters;
	guint n = 0;

	for (guint i = 0; i < letters->len; i++)
		n += fake_imap_is_here(session, letters->pdata[i]);
	return n;
}

static inline bool
fake_imap_matches(const struct fake_letter *letter, const char *line)
{
	const char *id = strstr(line, "HEADER Message-ID \"");
	g_autofree char *value =
	    id == NULL ? NULL : g_strndup(id + 19, strcspn(id + 19, "\""));
	const char *larger = strstr(line, " LARGER ");
	const char *smaller = strstr(line, " SMALLER ");

	if (larger != NULL &&
	    letter->text->len <= g_ascii_strtoull(larger + 8, NULL, 10))
		return false;
	if (smaller != NULL &&
	    letter->text->len >= g_ascii_strtoull(smaller + 9, NULL, 10))
		return false;
	if (strstr(line, "UNKEYWORD") != NULL)
		return !letter->claimed;
	if (strstr(line, "KEYWORD") != NULL)
		return letter->claimed;
	return value == NULL || strstr(letter->text->str, value) != NULL;
}

static inline void
fake_imap_search(struct fake_session *session, const char *line, GString *out)
{
	const GPtrArray *letters = session->fake->letters;

	g_string_append(out, "* SEARCH");
	for (guint i = 0; i < letters->len; i++) {
		const struct fake_letter *letter = letters->pdata[i];

		if (fake_imap_is_here(session, letter) &&
		    fake_imap_matches(letter, line))
			g_string_append_printf(out, " %u", letter->uid);
	}
	g_string_append(out, "\r\n");
}

static inline void
fake_imap_fetch(struct fake_session *session, const char *line, GString *out)
{
	const struct fake_letter *letter = fake_imap_find(session, line + 10);
	const char *range = strchr(line, '<');
	size_t at = 0, size = 0;

	if (letter == NULL)
		return;
	g_string_append_printf(out, "* 1 FETCH (UID %u", letter->uid);
	if (strstr(line, "FLAGS") != NULL)
		g_string_append_printf(out, " FLAGS (%s)",
				       letter->claimed ? "$PosthubClaimed"
						       : "");
	if (strstr(line, "MODSEQ") != NULL)
		g_string_append(out, " MODSEQ (7)");
	if (strstr(line, "RFC822.SIZE") != NULL)
		g_string_append_printf(out, " RFC822.SIZE %zu",
				       letter->text->len);
	if (strstr(line, "INTERNALDATE") != NULL)
		g_string_append(out,
				" INTERNALDATE \" 7-Nov-2012 10:00:00 +0100\"");
	if (range != NULL) {
		sscanf(range, "<%zu.%zu>", &at, &size);
		at = MIN(at, letter->text->len);
		size = MIN(size, letter->text->len - at);
		g_string_append_printf(out, " BODY[]<%zu> ", at);
		if (size > 0)
			g_string_append_printf(out, "{%zu}\r\n", size);
		else
			g_string_append(out, "NIL");
		g_string_append_len(out, letter->text->str + at, (gssize)size);
	}
	g_string_append(out, ")\r\n");
}

static inline void
fake_imap_store(struct fake_session *session, const char *line)
{
	struct fake_letter *letter = fake_imap_find(session, line + 10);

	if (letter == NULL)
		return;
	if (strstr(line, "$PosthubClaimed") != NULL)
		letter->claimed = strchr(line, '-') == NULL;
	letter->seen |= strstr(line, "\\Seen") != NULL;
	letter->draft |= strstr(line, "\\Draft") != NULL;
	session->fake->changes++;
}

/* The quoted name at the end of a command, g_free. */
static inline char *
fake_imap_name(const char *line)
{
	const char *quote = strchr(line, '"');

	return quote == NULL ? g_strdup("")
			     : g_strndup(quote + 1, strcspn(quote + 1, "\""));
}

static inline bool
fake_imap_receive(const struct fake_session *session, char *text, size_t size)
{
	const size_t piece = session->fake->slow ? size / 8 + 1 : size;

	for (size_t at = 0; at < size; at += piece) {
		size_t n = MIN(piece, size - at);

		if (session->fake->slow)
			g_usleep(500000);
		if (recv(session->fd, text + at, n, MSG_WAITALL) != (ssize_t)n)
			return false;
	}
	return true;
}

static inline bool
fake_imap_append(struct fake_session *session, const char *line)
{
	struct fake_imap *fake = session->fake;
	size_t size = (size_t)g_ascii_strtoull(strchr(line, '{') + 1, NULL, 10);
	g_autofree char *text = g_malloc(size + 2);
	g_autofree char *name = fake_imap_name(line);

	if (!fake_imap_say(session, "+ go on\r\n", 9) ||
	    !fake_imap_receive(session, text, size + 2))
		return false;
	g_mutex_lock(&fake->mutex);
	fake_imap_add_for(fake, session->user, name, text, size, line);
	g_mutex_unlock(&fake->mutex);
	return true;
}

/* What is done is done before the answer is given, which may be lost. False:
 * BAD. */
static inline bool
fake_imap_do(struct fake_session *session, const char *line, GString *out,
	     GString *code)
{
	struct fake_imap *fake = session->fake;
	g_autofree char *name = fake_imap_name(line);
	struct fake_letter *letter;

	if (fake->nomodseq && (strstr(line, "MODSEQ") != NULL ||
			       strstr(line, "UNCHANGEDSINCE") != NULL))
		return false;
	if (g_str_has_prefix(line, "SELECT")) {
		g_free(session->selected);
		session->selected = g_steal_pointer(&name);
		g_string_append_printf(
		    out, "* %u EXISTS\r\n* OK [UIDVALIDITY %u] valid\r\n%s",
		    fake_imap_exists(session), fake->validity,
		    fake->nomodseq ? "* OK [NOMODSEQ] none\r\n" : "");
	} else if (g_str_has_prefix(line, "UID SEARCH")) {
		fake_imap_search(session, line, out);
	} else if (g_str_has_prefix(line, "UID FETCH")) {
		fake_imap_fetch(session, line, out);
	} else if (g_str_has_prefix(line, "UID STORE")) {
		fake_imap_store(session, line);
	} else if (g_str_has_prefix(line, "UID MOVE") &&
		   (letter = fake_imap_find(session, line + 9)) != NULL) {
		g_free(letter->folder);
		letter->folder = g_steal_pointer(&name);
		letter->uid = fake->next_uid++;
		fake->changes++;
		g_string_assign(code, "[COPYUID 7 1 2] ");
	} else if (g_str_has_prefix(line, "UID EXPUNGE") &&
		   (letter = fake_imap_find(session, line + 12)) != NULL) {
		g_ptr_array_remove(fake->letters, letter);
		fake->changes++;
	}
	return true;
}

static inline bool
fake_imap_log_in(struct fake_session *session, GString *code)
{
	struct fake_imap *fake = session->fake;
	g_autoptr(GString) secret = g_string_new(NULL);
	g_autofree char *plain = NULL;
	gsize size;

	if (!fake_imap_say(session, "+ \r\n", 4) ||
	    !fake_read(session->fd, secret))
		return false;
	plain = (char *)g_base64_decode(secret->str, &size);
	g_free(session->user);
	session->user = g_strdup(plain);
	g_mutex_lock(&fake->mutex);
	g_string_append_printf(fake->log, "%s: login\n", session->user);
	g_mutex_unlock(&fake->mutex);
	g_string_printf(code, "[CAPABILITY IMAP4rev1 MOVE UIDPLUS%s%s] ",
			fake->condstore ? " CONDSTORE" : "",
			fake->idle ? " IDLE" : "");
	return true;
}

/* Tells what changes until the client is done. */
static inline bool
fake_imap_wait(struct fake_session *session)
{
	static const char plus[] = "+ idling\r\n";
	struct fake_imap *fake = session->fake;
	const char *front = fake_imap_rule(session, "IDLE", FAKE_FRONT);
	const char *behind = fake_imap_rule(session, "IDLE", FAKE_BEHIND);
	g_autofree char *text = g_strconcat(front != NULL ? front : "", plus,
					    behind != NULL ? behind : "", NULL);
	struct pollfd fd = {session->fd, POLLIN, 0};
	g_autoptr(GString) line = g_string_new(NULL);
	unsigned seen;

	g_mutex_lock(&fake->mutex);
	seen = fake->changes;
	g_mutex_unlock(&fake->mutex);
	if (!fake_imap_say(session, text, strlen(text)))
		return false;
	while (poll(&fd, 1, 2) == 0) {
		g_autofree char *news = NULL;

		g_mutex_lock(&fake->mutex);
		if (fake->changes != seen)
			news = g_strdup_printf("* %u EXISTS\r\n",
					       fake_imap_exists(session));
		seen = fake->changes;
		g_mutex_unlock(&fake->mutex);
		if (news != NULL && !fake_imap_say(session, news, strlen(news)))
			return false;
	}
	return fake_read(session->fd, line) &&
	       strcmp(line->str, "DONE\r\n") == 0;
}

/* One command, without its tag. False: the connection dies here. */
static inline bool
fake_imap_obey(struct fake_session *session, const char *tag,
	       const char *command)
{
	struct fake_imap *fake = session->fake;
	g_autoptr(GString) out = g_string_new(NULL);
	g_autoptr(GString) code = g_string_new(NULL);
	const char *text, *word = fake->refuse ? "NO" : "OK";

	g_mutex_lock(&fake->mutex);
	g_string_append_printf(fake->log, "%s: %s\n", session->user, command);
	g_mutex_unlock(&fake->mutex);
	if (fake_imap_hangs(session, command))
		return false;
	text = fake_imap_rule(session, command, FAKE_INSTEAD);
	if (text != NULL) {
		g_string_printf(out, "%s %s\r\n", tag, text);
		return fake_imap_say(session, out->str, out->len);
	}
	if (g_str_has_prefix(command, "AUTHENTICATE")) {
		if (!fake_imap_log_in(session, code))
			return false;
		/* Who it is is known by now. */
		if (fake_imap_hangs(session, "login"))
			return false;
		text = fake_imap_rule(session, "login", FAKE_INSTEAD);
		if (text != NULL) {
			word = "NO";
			g_string_assign(code, text);
		}
	} else if (g_str_has_prefix(command, "APPEND")) {
		if (!fake_imap_append(session, command))
			return false;
	} else if (g_str_has_prefix(command, "IDLE")) {
		if (!fake_imap_wait(session))
			return false;
	} else {
		text = fake_imap_rule(session, command, FAKE_FRONT);
		if (text != NULL)
			g_string_append(out, text);
		g_mutex_lock(&fake->mutex);
		if (!fake_imap_do(session, command, out, code))
			word = "BAD";
		g_mutex_unlock(&fake->mutex);
	}
	g_string_append_printf(out, "%s %s %sdone\r\n", tag, word, code->str);
	return fake_imap_say(session, out->str, out->len);
}

/* False: nobody may come in. */
static inline bool
fake_imap_greet(struct fake_session *session)
{
	struct fake_imap *fake = session->fake;
	const char *text = fake_imap_rule(session, "greeting", FAKE_INSTEAD);
	g_autofree char *line =
	    g_strdup_printf("* %s\r\n", text != NULL ? text : "OK hello");

	if (text != NULL) {
		g_mutex_lock(&fake->mutex);
		g_string_append(fake->log, "turned away\n");
		g_mutex_unlock(&fake->mutex);
	}
	return fake_imap_say(session, line, strlen(line)) && text == NULL;
}

static inline void *
fake_imap_serve(void *data)
{
	struct fake_session *session = data;
	g_autoptr(GString) line = g_string_new(NULL);
	bool alive =
	    !fake_imap_hangs(session, "greeting") && fake_imap_greet(session);

	while (alive && fake_read(session->fd, line)) {
		char *command;

		g_string_truncate(line, line->len - 2);
		command = strchr(line->str, ' ');
		if (command == NULL)
			break;
		*command++ = '\0';
		alive = fake_imap_obey(session, line->str, command);
	}
	shutdown(session->fd, SHUT_RDWR);
	g_free(session->user);
	g_free(session->selected);
	g_free(session);
	return NULL;
}

static inline void *
fake_imap_run(void *data)
{
	struct fake_imap *fake = data;
	int fd;

	while ((fd = accept(fake->listener, NULL, NULL)) >= 0) {
		struct fake_session *session = g_new0(struct fake_session, 1);

		session->fake = fake;
		session->fd = fd;
		session->user = g_strdup("");
		session->selected = g_strdup("");
		g_mutex_lock(&fake->mutex);
		fake->connections++;
		g_array_append_val(fake->fds, fd);
		g_mutex_unlock(&fake->mutex);
		g_ptr_array_add(
		    fake->sessions,
		    g_thread_new("imap session", fake_imap_serve, session));
	}
	return NULL;
}

static inline void
fake_imap_open(struct fake_imap *fake)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;

	memset(fake, 0, sizeof *fake);
	fake->letters = g_ptr_array_new_with_free_func(fake_letter_free);
	fake->fds = g_array_new(FALSE, FALSE, sizeof(int));
	fake->sessions = g_ptr_array_new();
	fake->log = g_string_new(NULL);
	fake->next_uid = 1;
	fake->validity = 7;
	fake->left = -1;
	fake->condstore = true;
	g_mutex_init(&fake->mutex);
	fake->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(
	    bind(fake->listener, (struct sockaddr *)&address, size), 0);
	ck_assert_int_eq(listen(fake->listener, 16), 0);
	getsockname(fake->listener, (struct sockaddr *)&address, &size);
	fake->port = ntohs(address.sin_port);
	fake->thread = g_thread_new("imap", fake_imap_run, fake);
}

static inline void
fake_imap_close(struct fake_imap *fake)
{
	shutdown(fake->listener, SHUT_RDWR);
	g_thread_join(fake->thread);
	close(fake->listener);
	for (guint i = 0; i < fake->fds->len; i++)
		shutdown(g_array_index(fake->fds, int, i), SHUT_RDWR);
	for (guint i = 0; i < fake->sessions->len; i++)
		g_thread_join(fake->sessions->pdata[i]);
	for (guint i = 0; i < fake->fds->len; i++)
		close(g_array_index(fake->fds, int, i));
	g_array_unref(fake->fds);
	g_ptr_array_unref(fake->sessions);
	g_ptr_array_unref(fake->letters);
	g_string_free(fake->log, TRUE);
	g_mutex_clear(&fake->mutex);
}

/* ---- the client's side ------------------------------------------------- */

static inline void
fake_imap_server(const struct fake_imap *fake, struct ph_imap_server *server)
{
	static char password[] = "secret", outbox[] = "Outbox", sent[] = "Sent",
		    drafts[] = "Drafts";

	memset(server, 0, sizeof(*server));
	g_strlcpy(server->endpoint.host, "127.0.0.1",
		  sizeof(server->endpoint.host));
	server->endpoint.port = fake->port;
	server->user = "posthub";
	server->password = password;
	server->connect_timeout = server->timeout = 20000;
	server->outbox = outbox;
	server->sent = sent;
	server->drafts = drafts;
}

#endif
