#include "lib/track/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 65536

struct ph_lines {
	char *path;
	int fd;
	GByteArray *buffer; /* bytes from base; the first used ones are done */
	size_t used;
	size_t scanned; /* no line end before this one */
	int64_t base;
	bool skipping; /* inside a line that is too long */
	int64_t skip_start;
};

int
ph_lines_open(const char *path, int64_t offset, struct ph_lines **lines_r,
	      struct ph_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct ph_lines *lines;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return ph_err_set(err, PH_ERR_TEMP, "%s: %s", path,
				  g_strerror(errno));
	lines = g_new0(struct ph_lines, 1);
	lines->path = g_strdup(path);
	lines->fd = fd;
	lines->buffer = g_byte_array_new();
	lines->base = offset;
	*lines_r = lines;
	return 1;
}

void
ph_lines_close(struct ph_lines **lines)
{
	if (!*lines)
		return;
	close((*lines)->fd);
	g_byte_array_unref((*lines)->buffer);
	g_free((*lines)->path);
	g_clear_pointer(lines, g_free);
}

int64_t
ph_lines_offset(const struct ph_lines *lines)
{
	if (lines->skipping)
		return lines->skip_start;
	return lines->base + (int64_t)lines->used;
}

int
ph_lines_fd(const struct ph_lines *lines)
{
	return lines->fd;
}

static void
drop_used(struct ph_lines *lines, size_t n)
{
	g_byte_array_remove_range(lines->buffer, 0, (guint)n);
	lines->base += (int64_t)n;
	lines->used = 0;
	lines->scanned = 0;
}

/* More than 0: bytes were added; 0: end of file; -1. */
static ssize_t
fill(struct ph_lines *lines, struct ph_err *err)
{
	guint8 chunk[CHUNK];
	ssize_t n;

	if (lines->used > 0)
		drop_used(lines, lines->used);
	do
		n = pread(lines->fd, chunk, sizeof chunk,
			  (off_t)(lines->base + lines->buffer->len));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return ph_err_set(err, PH_ERR_TEMP, "%s: %s", lines->path,
				  g_strerror(errno));
	if (n > 0)
		g_byte_array_append(lines->buffer, chunk, (guint)n);
	return n;
}

/* The line end at or after what was scanned; NULL: none. */
static char *
find_end(struct ph_lines *lines)
{
	size_t from = MAX(lines->scanned, lines->used);
	char *data = (char *)lines->buffer->data;

	lines->scanned = lines->buffer->len;
	if (from >= lines->buffer->len)
		return NULL;
	return memchr(data + from, '\n', lines->buffer->len - from);
}

static void
take_line(struct ph_lines *lines, char *newline, struct ph_line *line_r)
{
	char *data = (char *)lines->buffer->data;
	size_t end = (size_t)(newline - data) + 1;
	size_t size = end - 1 - lines->used;

	line_r->start = ph_lines_offset(lines);
	line_r->end = lines->base + (int64_t)end;
	line_r->text = NULL;
	line_r->size = 0;
	if (!lines->skipping) {
		char *text = data + lines->used;

		if (size > 0 && text[size - 1] == '\r')
			size--;
		text[size] = '\0';
		for (char *p = memchr(text, '\0', size); p;
		     p = memchr(p, '\0', size - (size_t)(p - text)))
			*p = '?';
		line_r->text = text;
		line_r->size = size;
	}
	lines->skipping = false;
	lines->used = end;
	lines->scanned = end;
}

int
ph_lines_next(struct ph_lines *lines, struct ph_line *line_r,
	      struct ph_err *err)
{
	for (;;) {
		char *newline = find_end(lines);
		ssize_t n;

		if (newline) {
			take_line(lines, newline, line_r);
			return 1;
		}
		if (lines->buffer->len - lines->used > PH_LINES_LIMIT ||
		    lines->skipping) {
			lines->skip_start = ph_lines_offset(lines);
			lines->skipping = true;
			drop_used(lines, lines->buffer->len);
		}
		n = fill(lines, err);
		if (n <= 0)
			return (int)n;
	}
}
