#include "lib/inspect/wire.h"

#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAGIC ((uint64_t)0x3171657270736e69)
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define PARTS 100000

/* At the beginning of the file; then n rows, then what they speak of: for each
 * its three texts, each with a NUL, and its bytes. */
struct head {
	uint64_t magic;
	struct ph_walk_limits limits;
	uint64_t n;
};

struct row {
	uint64_t size; /* bytes of the attachment */
	uint32_t texts[3];
	uint32_t message;
};

static const char *
text_of(const struct ph_walk_source *part, size_t i)
{
	const char *const texts[] = {part->name, part->declared, part->charset};

	return texts[i] != NULL ? texts[i] : "";
}

static int
write_request(int fd, const struct ph_walk_limits *limits,
	      const struct ph_walk_source *parts, uint32_t n)
{
	const struct head head = {MAGIC, *limits, n};

	if (ph_file_write(fd, &head, sizeof head) < 0)
		return -1;
	for (uint32_t i = 0; i < n; i++) {
		struct row row = {.size = parts[i].size,
				  .message = parts[i].message};

		for (size_t t = 0; t < G_N_ELEMENTS(row.texts); t++)
			row.texts[t] = (uint32_t)strlen(text_of(&parts[i], t));
		if (ph_file_write(fd, &row, sizeof row) < 0)
			return -1;
	}
	for (uint32_t i = 0; i < n; i++) {
		for (size_t t = 0; t < 3; t++)
			if (ph_file_write(fd, text_of(&parts[i], t),
					  strlen(text_of(&parts[i], t)) + 1) <
			    0)
				return -1;
		if (ph_file_write(fd, parts[i].data, parts[i].size) < 0)
			return -1;
	}
	return fcntl(fd, F_ADD_SEALS, SEALS);
}

int
ph_request_new(const struct ph_walk_limits *limits,
	       const struct ph_walk_source *parts, uint32_t n,
	       struct ph_err *err)
{
	int fd = memfd_create("inspect", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && write_request(fd, limits, parts, n) == 0)
		return fd;
	ph_err_set(err, PH_ERR_TEMP, "a request to the inspection: %s",
		   g_strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* ---- in the worker ------------------------------------------------------- */

struct cursor {
	const char *p;
	size_t left;
};

static const char *
take(struct cursor *c, uint64_t size)
{
	const char *p = c->p;

	if (size > c->left)
		return NULL;
	c->p += size;
	c->left -= (size_t)size;
	return p;
}

static const char *
take_text(struct cursor *c, uint32_t size)
{
	const char *text = take(c, (uint64_t)size + 1);

	return text != NULL && text[size] == '\0' ? text : NULL;
}

static bool
read_part(struct cursor *c, const char *at, struct ph_walk_source *part)
{
	struct row row;

	memcpy(&row, at, sizeof row);
	part->name = take_text(c, row.texts[0]);
	part->declared = take_text(c, row.texts[1]);
	part->charset = take_text(c, row.texts[2]);
	part->data = take(c, row.size);
	part->size = (size_t)row.size;
	part->message = row.message != 0;
	return part->name != NULL && part->declared != NULL &&
	       part->charset != NULL && part->data != NULL;
}

static bool
read_request(struct ph_request *request)
{
	struct cursor c = {request->map, request->map_size};
	const char *rows = take(&c, sizeof(struct head));
	struct head head;

	if (rows == NULL)
		return false;
	memcpy(&head, rows, sizeof head);
	if (head.magic != MAGIC || head.n > PARTS ||
	    (rows = take(&c, head.n * sizeof(struct row))) == NULL)
		return false;
	request->limits = head.limits;
	request->n = (uint32_t)head.n;
	request->parts = g_new0(struct ph_walk_source, request->n);
	for (uint32_t i = 0; i < request->n; i++)
		if (!read_part(&c, rows + i * sizeof(struct row),
			       &request->parts[i]))
			return false;
	return true;
}

int
ph_request_open(int fd, struct ph_request *request_r)
{
	off_t size = lseek(fd, 0, SEEK_END);

	*request_r = (struct ph_request){.map_size = (size_t)size};
	if (size <= 0 || fcntl(fd, F_GET_SEALS) != SEALS)
		return -1;
	request_r->map =
	    mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (request_r->map == MAP_FAILED)
		return -1;
	if (read_request(request_r))
		return 0;
	ph_request_close(request_r);
	return -1;
}

void
ph_request_close(struct ph_request *request)
{
	g_free(request->parts);
	munmap(request->map, request->map_size);
}
