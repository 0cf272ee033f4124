#include "store/submission/letter.h"

#include "lib/base/text.h"
#include "lib/message/nmid.h"
#include "store/submission/resent.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE ((size_t)65536)

/* ---- the header -------------------------------------------------------- */

/* Reads up to size bytes at a place; short only at the end of the file. */
static ssize_t
read_at(int fd, char *buffer, size_t size, off_t at, struct ph_err *err)
{
	size_t have = 0;

	while (have < size) {
		ssize_t n =
		    pread(fd, buffer + have, size - have, at + (off_t)have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ph_err_set(err, PH_ERR_TEMP,
					  "cannot read the message: %s",
					  g_strerror(errno));
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

static bool
is_blank_line(const char *line, size_t size)
{
	return size == 0 || (size == 1 && line[0] == '\r');
}

/* RFC 5322 section 3.6.8: printable, no colon; blanks before the colon are
 * the old syntax. Returns the length of the name, 0: this is no field. */
static size_t
name_size(const char *line, size_t size)
{
	const char *colon = memchr(line, ':', size);
	size_t n = colon == NULL ? 0 : (size_t)(colon - line);

	while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t'))
		n--;
	for (size_t i = 0; i < n; i++)
		if (!g_ascii_isgraph(line[i]))
			return 0;
	return n;
}

/* A field with its folded lines, line ends as LF. */
static bool
add_field(struct ph_letter *letter, const char *line, size_t size)
{
	g_autofree char *name = NULL;
	g_autoptr(GString) value = g_string_new(NULL);
	size_t n = name_size(line, size);
	const char *p = memchr(line, ':', size), *end = line + size;

	if (n == 0)
		return false;
	name = g_strndup(line, n);
	p++;
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	for (; p < end; p++)
		if (*p != '\r')
			g_string_append_c(value, *p);
	return ph_headers_add(letter->headers, name, value->str);
}

/* Where the field that begins at p ends: at a line that is no continuation. */
static const char *
field_end(const char *p, const char *end)
{
	do {
		const char *lf = memchr(p, '\n', (size_t)(end - p));

		p = lf == NULL ? end : lf + 1;
	} while (p < end && (*p == ' ' || *p == '\t'));
	return p;
}

/* 1: the header ended, or the file with it; *size_r bytes. 0: refused. */
static int
parse_header(struct ph_letter *letter, const char *text, size_t size,
	     size_t *size_r, struct ph_err *err)
{
	const char *p = text, *end = text + size;

	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		const char *next;
		size_t n = (size_t)((lf == NULL ? end : lf) - p);

		if (is_blank_line(p, n)) {
			p = lf == NULL ? end : lf + 1;
			break;
		}
		next = field_end(p, end);
		n = (size_t)(next - p) - (next[-1] == '\n');
		if (!add_field(letter, p, n)) {
			ph_err_set(err, PH_ERR_PERM,
				   "\"%.*s\" is no header field",
				   (int)MIN(strcspn(p, "\r\n"), 40), p);
			return 0;
		}
		p = next;
	}
	*size_r = (size_t)(p - text);
	return 1;
}

static int
read_header(struct ph_letter *letter, int fd, struct ph_err *err)
{
	g_autofree char *text = g_malloc(PH_LETTER_HEADER_LIMIT + 1);
	ssize_t n = read_at(fd, text, PH_LETTER_HEADER_LIMIT, 0, err);
	const char *lf;
	size_t size;

	if (n < 0)
		return -1;
	text[n] = '\0';
	if (n == 0) {
		ph_err_set(err, PH_ERR_PERM, "the message is empty");
		return 0;
	}
	lf = memchr(text, '\n', (size_t)n);
	letter->crlf = lf > text && lf[-1] == '\r';
	if (parse_header(letter, text, (size_t)n, &size, err) == 0)
		return 0;
	if (memchr(text, '\0', size) != NULL) {
		ph_err_set(err, PH_ERR_PERM, "its header holds a NUL");
		return 0;
	}
	if (size == PH_LETTER_HEADER_LIMIT) {
		ph_err_set(err, PH_ERR_PERM,
			   "its header is larger than %zu bytes",
			   PH_LETTER_HEADER_LIMIT);
		return 0;
	}
	if (ph_headers_count(letter->headers) == 0) {
		ph_err_set(err, PH_ERR_PERM, "it has no header");
		return 0;
	}
	for (size_t i = 0; i < size; i++)
		letter->eight_bit |= (unsigned char)text[i] >= 0x80;
	letter->body = (off_t)size;
	return 1;
}

/* ---- the body ---------------------------------------------------------- */

/* Calls sink with the body in pieces, CRLF at each line's end. */
static int
body_pieces(int fd, off_t at, ph_letter_sink sink, void *context,
	    struct ph_err *err)
{
	g_autofree char *piece = g_malloc(PIECE);
	g_autoptr(GString) out = g_string_sized_new(PIECE + PIECE / 8);
	char last = '\0';
	ssize_t n;

	while ((n = read_at(fd, piece, PIECE, at, err)) > 0) {
		at += n;
		g_string_truncate(out, 0);
		for (ssize_t i = 0; i < n; i++) {
			if (piece[i] == '\n' && last != '\r')
				g_string_append_c(out, '\r');
			g_string_append_c(out, piece[i]);
			last = piece[i];
		}
		if (sink(context, out->str, out->len, err) < 0)
			return -1;
	}
	return n < 0 ? -1 : 0;
}

static int
note_body(void *context, const char *data, size_t size, struct ph_err *err)
{
	struct ph_letter *letter = context;

	(void)err;
	letter->body_size += size;
	for (size_t i = 0; i < size && !letter->eight_bit; i++)
		letter->eight_bit = (unsigned char)data[i] >= 0x80;
	ph_nmid_body(letter->hash, data, size);
	return 0;
}

/* ---- what is sent ------------------------------------------------------ */

/* Fields that are for the owner alone, or ours to set; he may answer a policy
 * tip. */
static bool
is_kept_back(const char *name)
{
	static const char *const names[] = {"Bcc", "Resent-Bcc", "Return-Path"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (strcasecmp(name, names[i]) == 0)
			return true;
	return strcasecmp(name, PH_HEADER_OVERRIDE) != 0 &&
	       strncasecmp(name, PH_HEADER_PREFIX, strlen(PH_HEADER_PREFIX)) ==
		   0;
}

static GString *
format_header(const struct ph_letter *letter)
{
	GString *out = g_string_new(NULL);
	size_t n = ph_headers_count(letter->headers);

	for (size_t i = 0; i < n; i++) {
		const struct ph_header *field =
		    ph_headers_at(letter->headers, i);

		if (is_kept_back(field->name))
			continue;
		g_string_append_printf(out, "%s: ", field->name);
		for (const char *p = field->value; *p != '\0'; p++) {
			if (*p == '\n')
				g_string_append_c(out, '\r');
			g_string_append_c(out, *p);
		}
		g_string_append(out, "\r\n");
	}
	g_string_append(out, "\r\n");
	return out;
}

struct counting {
	ph_letter_sink sink;
	void *context;
	uint64_t size;
};

static int
count_piece(void *context, const char *data, size_t size, struct ph_err *err)
{
	struct counting *counting = context;

	counting->size += size;
	return counting->sink(counting->context, data, size, err);
}

int
ph_letter_send(const struct ph_letter *letter, int fd, ph_letter_sink sink,
	       void *context, struct ph_err *err)
{
	g_autoptr(GString) header = format_header(letter);
	struct counting counting = {sink, context, 0};

	if (sink(context, header->str, header->len, err) < 0 ||
	    body_pieces(fd, letter->body, count_piece, &counting, err) < 0)
		return -1;
	if (counting.size != letter->body_size)
		return ph_err_set(err, PH_ERR_TEMP,
				  "the message changed while it was sent");
	return 0;
}

/* ---- reading ----------------------------------------------------------- */

/* body false: the header alone; its size is then the file's. */
static int
read_letter(int fd, bool body, struct ph_letter **letter_r, struct ph_err *err)
{
	struct ph_letter *letter = g_new0(struct ph_letter, 1);
	struct stat st;
	int r;

	letter->headers = ph_headers_new();
	letter->hash = ph_nmid_new();
	r = read_header(letter, fd, err);
	if (r == 1 && body &&
	    body_pieces(fd, letter->body, note_body, letter, err) < 0)
		r = -1;
	if (r == 1 && body) {
		g_autoptr(GString) header = format_header(letter);

		letter->size = header->len + letter->body_size;
	} else if (r == 1 && fstat(fd, &st) == 0) {
		letter->size = (uint64_t)st.st_size;
	}
	if (r == 1)
		*letter_r = letter;
	else
		ph_letter_free(&letter);
	return r;
}

int
ph_letter_read(int fd, struct ph_letter **letter_r, struct ph_err *err)
{
	return read_letter(fd, true, letter_r, err);
}

int
ph_letter_peek(int fd, struct ph_letter **letter_r, struct ph_err *err)
{
	return read_letter(fd, false, letter_r, err);
}

void
ph_letter_free(struct ph_letter **letter)
{
	if (*letter == NULL)
		return;
	ph_headers_free(&(*letter)->headers);
	ph_nmid_free(&(*letter)->hash);
	g_free(*letter);
	*letter = NULL;
}

void
ph_letter_nmid(struct ph_letter *letter, const char *reverse_path,
	       char nmid_r[PH_UUID_TEXT])
{
	struct ph_headers *resent = ph_resent_block(letter->headers);
	g_autoptr(GString) path = g_string_new(reverse_path);

	for (size_t i = 0; resent != NULL && i < ph_headers_count(resent);
	     i++) {
		const struct ph_header *field = ph_headers_at(resent, i);

		g_string_append_printf(path, "\n%s: %s", field->name,
				       field->value);
	}
	ph_headers_free(&resent);
	ph_nmid_finish(letter->hash, path->str, letter->headers, nmid_r);
}

char *
ph_letter_missing(const struct ph_letter *letter, int64_t now, const char *fqdn)
{
	const char *end = letter->crlf ? "\r\n" : "\n";
	GString *out = g_string_new(NULL);
	char date[PH_MAIL_DATE], id[PH_UUID_TEXT];

	if (ph_headers_raw(letter->headers, "Date", 0) == NULL) {
		ph_format_mail_date(now, date, sizeof(date));
		g_string_append_printf(out, "Date: %s%s", date, end);
	}
	if (ph_headers_raw(letter->headers, "Message-ID", 0) == NULL) {
		ph_uuid_random(id);
		g_string_append_printf(out, "Message-ID: <%s@%s>%s", id, fqdn,
				       end);
	}
	return g_string_free(out, out->len == 0);
}
