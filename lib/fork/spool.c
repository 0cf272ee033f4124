#include "lib/fork/spool.h"

#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* The MTA has a limit of its own; this one keeps the disk. */
#define LIMIT ((size_t)4 << 30)

struct ph_spool {
	char *directory;
	size_t memory;
	GString *text; /* of what is in no file */
	int fd;	       /* -1: none is needed */
	size_t size;   /* of all */
	void *map;
};

struct ph_spool *
ph_spool_new(const char *directory, size_t memory)
{
	struct ph_spool *spool = g_new0(struct ph_spool, 1);

	spool->directory = g_strdup(directory);
	spool->memory = memory;
	spool->text = g_string_new(NULL);
	spool->fd = -1;
	return spool;
}

void
ph_spool_free(struct ph_spool **spool)
{
	struct ph_spool *p = *spool;

	if (p == NULL)
		return;
	*spool = NULL;
	if (p->map != NULL)
		munmap(p->map, p->size);
	if (p->fd >= 0)
		close(p->fd);
	g_string_free(p->text, TRUE);
	g_free(p->directory);
	g_free(p);
}

static int
failed(const struct ph_spool *spool, struct ph_err *err)
{
	return ph_err_set(err, PH_ERR_TEMP, "%s: %s", spool->directory,
			  g_strerror(errno));
}

/* Not every file system knows files that never had a name. */
static int
open_file(struct ph_spool *spool, struct ph_err *err)
{
	g_autofree char *path = NULL;

	spool->fd =
	    open(spool->directory, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (spool->fd >= 0)
		return 0;
	path = g_build_filename(spool->directory, ".spool-XXXXXX.tmp", NULL);
	spool->fd = mkostemps(path, 4, O_CLOEXEC);
	if (spool->fd < 0)
		return failed(spool, err);
	unlink(path);
	return 0;
}

static int
write_file(struct ph_spool *spool, const char *data, size_t size,
	   struct ph_err *err)
{
	if (ph_file_write(spool->fd, data, size) < 0)
		return failed(spool, err);
	return 0;
}

int
ph_spool_write(struct ph_spool *spool, const char *data, size_t size,
	       struct ph_err *err)
{
	if (size > LIMIT - spool->size)
		return ph_err_set(err, PH_ERR_TEMP,
				  "the message is too large to be copied");
	spool->size += size;
	if (spool->fd < 0 && spool->size <= spool->memory) {
		g_string_append_len(spool->text, data, (gssize)size);
		return 0;
	}
	if (spool->fd < 0) {
		if (open_file(spool, err) < 0 ||
		    write_file(spool, spool->text->str, spool->text->len, err) <
			0)
			return -1;
		g_string_free(spool->text, TRUE);
		spool->text = g_string_new(NULL);
	}
	return write_file(spool, data, size, err);
}

int
ph_spool_read(struct ph_spool *spool, const char **data_r, size_t *size_r,
	      struct ph_err *err)
{
	*data_r = spool->text->str;
	*size_r = spool->size;
	if (spool->fd < 0)
		return 0;
	if (spool->map == NULL) {
		void *map = mmap(NULL, spool->size, PROT_READ, MAP_PRIVATE,
				 spool->fd, 0);

		if (map == MAP_FAILED)
			return failed(spool, err);
		spool->map = map;
	}
	*data_r = spool->map;
	return 0;
}
