#include "cli/message.h"

#include "cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- reading ------------------------------------------------------------ */

#define PIECE 65536

static int
read_all(FILE *file, const char *path, GByteArray *message)
{
	unsigned char piece[PIECE];
	size_t n;

	while ((n = fread(piece, 1, sizeof piece, file)) > 0) {
		if (n > PH_MESSAGE_LIMIT - message->len)
			return ph_cli_fail(PH_EXIT_DATA,
					   "%s is larger than 64 MB", path);
		g_byte_array_append(message, piece, (guint)n);
	}
	if (ferror(file))
		return ph_cli_fail(PH_EXIT_NO_INPUT, "%s: %s", path,
				   g_strerror(errno));
	if (message->len == 0)
		return ph_cli_fail(PH_EXIT_DATA, "%s is empty", path);
	return PH_EXIT_YES;
}

int
ph_message_read(const char *path, GByteArray **message_r)
{
	bool standard = strcmp(path, "-") == 0;
	FILE *file = standard ? stdin : fopen(path, "re");
	GByteArray *message;
	int status;

	if (!file)
		return ph_cli_fail(PH_EXIT_NO_INPUT, "%s: %s", path,
				   g_strerror(errno));
	message = g_byte_array_new();
	status = read_all(file, standard ? "standard input" : path, message);
	if (!standard)
		fclose(file);
	if (status == PH_EXIT_YES)
		*message_r = message;
	else
		g_byte_array_unref(message);
	return status;
}

/* ---- parsing ------------------------------------------------------------ */

struct reader {
	const char *at, *end;
};

/* The line without its end; false: there is no more. */
static bool
next_line(struct reader *reader, const char **line_r, size_t *size_r)
{
	const char *line = reader->at, *feed;
	size_t size = (size_t)(reader->end - line);

	if (size == 0)
		return false;
	feed = memchr(line, '\n', size);
	reader->at = feed ? feed + 1 : reader->end;
	size = (size_t)((feed ? feed : reader->end) - line);
	if (feed && size > 0 && line[size - 1] == '\r')
		size--;
	*line_r = line;
	*size_r = size;
	return true;
}

/* Bytes of the name before the colon; 0: this is no header field, so the body
 * has begun without an empty line. */
static size_t
name_size(const char *line, size_t size)
{
	size_t n = 0;

	while (n < size && line[n] > ' ' && line[n] < 127 && line[n] != ':')
		n++;
	return n < size && line[n] == ':' ? n : 0;
}

static bool
is_fold(const struct reader *reader)
{
	return reader->at < reader->end &&
	       (*reader->at == ' ' || *reader->at == '\t');
}

/* The first line without what follows the name, and the folded ones, as on the
 * wire: LF before each. A NUL byte, which no MTA passes on, ends the value. */
static char *
take_value(struct reader *reader, const char *line, size_t size)
{
	GString *value = g_string_new_len(line, (gssize)size);

	while (is_fold(reader) && next_line(reader, &line, &size)) {
		g_string_append_c(value, '\n');
		g_string_append_len(value, line, (gssize)size);
	}
	return g_string_free(value, FALSE);
}

static int
parse_header(struct reader *reader, struct ph_mail *mail, struct ph_err *err)
{
	const char *line;
	size_t size, n;

	for (;;) {
		struct reader before = *reader;
		g_autofree char *name = NULL, *value = NULL;

		if (!next_line(reader, &line, &size) || size == 0)
			return 0;
		n = name_size(line, size);
		if (n == 0) {
			*reader = before;
			return 0;
		}
		name = g_strndup(line, n);
		n++;
		if (n < size && line[n] == ' ')
			n++;
		value = take_value(reader, line + n, size - n);
		if (!ph_headers_add(mail->headers, name, value))
			return ph_err_set(err, PH_ERR_PERM,
					  "the header is larger than 16 MB; "
					  "such a message is refused");
	}
}

static void
parse_body(struct reader *reader, struct ph_mail *mail)
{
	const char *line;
	size_t size;

	mail->keep_body = true;
	while (next_line(reader, &line, &size)) {
		ph_mail_add_body(mail, line, size);
		ph_mail_add_body(mail, "\r\n", 2);
		ph_nmid_body(mail->hash, line, size);
		ph_nmid_body(mail->hash, "\r\n", 2);
		mail->size += size + 2;
	}
}

int
ph_message_parse(const void *data, size_t size, struct ph_mail *mail,
		 struct ph_err *err)
{
	struct reader reader = {data, (const char *)data + size};
	struct reader body;
	const char *line;
	size_t n;

	if (size >= 5 && memcmp(data, "From ", 5) == 0)
		next_line(&reader, &line, &n);
	body = reader;
	if (parse_header(&reader, mail, err) < 0)
		return -1;
	for (const char *end = reader.at; body.at < end;) {
		next_line(&body, &line, &n);
		mail->size += n + 2;
	}
	parse_body(&reader, mail);
	return 0;
}
