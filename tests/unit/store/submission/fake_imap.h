#ifndef SUBMISSION_FAKE_IMAP_H
#define SUBMISSION_FAKE_IMAP_H

#include "tests/unit/store/submission/lab.h"

/*
 * An IMAP server of one mailbox, in memory: as much of the protocol as a master
 * user needs, answers as a good server gives them. After so many bytes it says
 * no more and closes, once.
 */
struct fake_letter {
	char *folder; /* "INBOX", "Outbox", ... */
	uint32_t uid;
	bool claimed, seen, draft;
	GString *text;
};

struct fake_imap {
	int listener, port;
	GMutex mutex;
	GPtrArray *letters; /* struct fake_letter */
	uint32_t next_uid;
	int64_t left; /* bytes; -1: no limit */
	bool cut;     /* it happened */
	bool condstore, refuse;
	char *selected;
	GThread *thread;
};

static inline void
fake_letter_free(void *p)
{
	struct fake_letter *letter = p;

	g_free(letter->folder);
	g_string_free(letter->text, TRUE);
	g_free(letter);
}

static inline void
fake_imap_add(struct fake_imap *fake, const char *folder, const char *text,
	      size_t size, const char *flags)
{
	struct fake_letter *letter = g_new0(struct fake_letter, 1);

	letter->folder = g_strdup(folder);
	letter->uid = fake->next_uid++;
	letter->text = g_string_new_len(text, (gssize)size);
	letter->seen = strstr(flags, "Seen") != NULL;
	letter->draft = strstr(flags, "Draft") != NULL;
	g_ptr_array_add(fake->letters, letter);
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

/* False: the connection dies here. */
static inline bool
fake_imap_say(struct fake_imap *fake, int fd, const char *text, size_t size)
{
	size_t n = size;

	if (fake->left >= 0 && (int64_t)n > fake->left)
		n = (size_t)fake->left;
	if (n > 0 && send(fd, text, n, MSG_NOSIGNAL) != (ssize_t)n)
		return false;
	if (fake->left >= 0)
		fake->left -= (int64_t)n;
	if (n == size)
		return true;
	fake->cut = true;
	fake->left = -1;
	return false;
}

static inline struct fake_letter *
fake_imap_find(struct fake_imap *fake, const char *uid)
{
	for (guint i = 0; i < fake->letters->len; i++) {
		struct fake_letter *letter = fake->letters->pdata[i];

		if (strcmp(letter->folder, fake->selected) == 0 &&
		    letter->uid == g_ascii_strtoull(uid, NULL, 10))
			return letter;
	}
	return NULL;
}

static inline bool
fake_imap_matches(const struct fake_letter *letter, const char *line)
{
	const char *id = strstr(line, "HEADER Message-ID \"");
	g_autofree char *value =
	    id == NULL ? NULL : g_strndup(id + 19, strcspn(id + 19, "\""));

	if (strstr(line, "UNKEYWORD") != NULL)
		return !letter->claimed;
	if (strstr(line, "KEYWORD") != NULL)
		return letter->claimed;
	return value == NULL || strstr(letter->text->str, value) != NULL;
}

static inline void
fake_imap_search(struct fake_imap *fake, const char *line, GString *out)
{
	g_string_append(out, "* SEARCH");
	for (guint i = 0; i < fake->letters->len; i++) {
		const struct fake_letter *letter = fake->letters->pdata[i];

		if (strcmp(letter->folder, fake->selected) == 0 &&
		    fake_imap_matches(letter, line))
			g_string_append_printf(out, " %u", letter->uid);
	}
	g_string_append(out, "\r\n");
}

static inline void
fake_imap_fetch(struct fake_imap *fake, const char *line, GString *out)
{
	const struct fake_letter *letter = fake_imap_find(fake, line + 10);
	const char *range = strchr(line, '<');
	size_t at = 0, size = 0;

	if (letter == NULL)
		return;
	g_string_append_printf(out, "* 1 FETCH (UID %u", letter->uid);
	if (strstr(line, "FLAGS") != NULL)
		g_string_append_printf(out, " FLAGS (%s) MODSEQ (7)",
				       letter->claimed ? "$PosthubClaimed"
						       : "");
	if (strstr(line, "RFC822.SIZE") != NULL)
		g_string_append_printf(out, " RFC822.SIZE %zu",
				       letter->text->len);
	if (range != NULL) {
		sscanf(range, "<%zu.%zu>", &at, &size);
		at = MIN(at, letter->text->len);
		size = MIN(size, letter->text->len - at);
		g_string_append_printf(out, " BODY[]<%zu> {%zu}\r\n", at, size);
		g_string_append_len(out, letter->text->str + at, (gssize)size);
	}
	g_string_append(out, ")\r\n");
}

static inline void
fake_imap_store(struct fake_imap *fake, const char *line)
{
	struct fake_letter *letter = fake_imap_find(fake, line + 10);

	if (letter == NULL)
		return;
	if (strstr(line, "$PosthubClaimed") != NULL)
		letter->claimed = strchr(line, '-') == NULL;
	letter->seen |= strstr(line, "\\Seen") != NULL;
	letter->draft |= strstr(line, "\\Draft") != NULL;
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
fake_imap_append(struct fake_imap *fake, int fd, const char *line)
{
	size_t size = (size_t)g_ascii_strtoull(strchr(line, '{') + 1, NULL, 10);
	g_autofree char *text = g_malloc(size + 2);
	g_autofree char *name = fake_imap_name(line);

	if (!fake_imap_say(fake, fd, "+ go on\r\n", 9) ||
	    recv(fd, text, size + 2, MSG_WAITALL) != (ssize_t)size + 2)
		return false;
	g_mutex_lock(&fake->mutex);
	fake_imap_add(fake, name, text, size, line);
	g_mutex_unlock(&fake->mutex);
	return true;
}

/* What is done is done before the answer is given, which may be lost. */
static inline void
fake_imap_do(struct fake_imap *fake, const char *line, GString *out,
	     GString *code)
{
	g_autofree char *name = fake_imap_name(line);
	struct fake_letter *letter;

	g_mutex_lock(&fake->mutex);
	if (g_str_has_prefix(line, "SELECT")) {
		g_free(fake->selected);
		fake->selected = g_steal_pointer(&name);
		g_string_append(out, "* OK [UIDVALIDITY 7] valid\r\n");
	} else if (g_str_has_prefix(line, "UID SEARCH")) {
		fake_imap_search(fake, line, out);
	} else if (g_str_has_prefix(line, "UID FETCH")) {
		fake_imap_fetch(fake, line, out);
	} else if (g_str_has_prefix(line, "UID STORE")) {
		fake_imap_store(fake, line);
	} else if (g_str_has_prefix(line, "UID MOVE") &&
		   (letter = fake_imap_find(fake, line + 9)) != NULL) {
		g_free(letter->folder);
		letter->folder = g_steal_pointer(&name);
		letter->uid = fake->next_uid++;
		g_string_assign(code, "[COPYUID 7 1 2] ");
	} else if (g_str_has_prefix(line, "UID EXPUNGE") &&
		   (letter = fake_imap_find(fake, line + 12)) != NULL) {
		g_ptr_array_remove(fake->letters, letter);
	}
	g_mutex_unlock(&fake->mutex);
}

static inline void
fake_imap_serve(struct fake_imap *fake, int fd)
{
	static const char greeting[] = "* OK hello\r\n";
	g_autoptr(GString) line = g_string_new(NULL);

	if (!fake_imap_say(fake, fd, greeting, strlen(greeting)))
		return;
	while (fake_read(fd, line)) {
		g_autoptr(GString) out = g_string_new(NULL);
		g_autoptr(GString) code = g_string_new(NULL);
		char *command;

		g_string_truncate(line, line->len - 2);
		command = strchr(line->str, ' ');
		if (command == NULL)
			return;
		*command++ = '\0';
		if (g_str_has_prefix(command, "AUTHENTICATE")) {
			g_autoptr(GString) secret = g_string_new(NULL);

			if (!fake_imap_say(fake, fd, "+ \r\n", 4) ||
			    !fake_read(fd, secret))
				return;
			g_string_printf(
			    code, "[CAPABILITY IMAP4rev1 MOVE UIDPLUS%s] ",
			    fake->condstore ? " CONDSTORE" : "");
		} else if (g_str_has_prefix(command, "APPEND")) {
			if (!fake_imap_append(fake, fd, command))
				return;
		} else {
			fake_imap_do(fake, command, out, code);
		}
		g_string_append_printf(out, "%s %s %sdone\r\n", line->str,
				       fake->refuse ? "NO" : "OK", code->str);
		if (!fake_imap_say(fake, fd, out->str, out->len))
			return;
	}
}

static inline void *
fake_imap_run(void *data)
{
	struct fake_imap *fake = data;
	int fd;

	while ((fd = accept(fake->listener, NULL, NULL)) >= 0) {
		fake_imap_serve(fake, fd);
		close(fd);
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
	fake->next_uid = 1;
	fake->left = -1;
	fake->condstore = true;
	fake->selected = g_strdup("");
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
	g_ptr_array_unref(fake->letters);
	g_mutex_clear(&fake->mutex);
	g_free(fake->selected);
}

#endif
