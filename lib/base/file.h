#ifndef PH_BASE_FILE_H
#define PH_BASE_FILE_H

#include "lib/base/err.h"

#include <stddef.h>
#include <sys/types.h>

/*
 * What read(2), write(2) and fsync(2) leave to be done: a signal or a short
 * count is no end. Blocking. Failures are in errno.
 */

/* All of it. 0, or -1 with part of it written. */
int ph_file_write(int fd, const void *data, size_t size);

/* Until the end of the file or of the buffer: how much; -1. One that has grown
 * meanwhile, or is no file, takes no more than the buffer. */
ssize_t ph_file_read(int fd, void *buffer, size_t size);

/* A file that has no name in the directory's file system until it is given one,
 * and is gone without one; open for reading and writing, mode 0600. The
 * descriptor, or -1: some file systems have none. */
int ph_file_unnamed(int directory);
/* Its first name or a further one. 0, or -1; ENOENT also: its names were
 * removed meanwhile, or there is no /proc. */
int ph_file_name(int fd, int directory, const char *name);

/* What was installed with this program, below its ../share/posthub; g_free. */
char *ph_file_share(const char *name);

/* The entry of a file that was made, renamed or removed: without it a crash may
 * bring the old name back, or none. 0, or -1. */
int ph_file_sync_entry(const char *path);

/* Lines of a small file that are not empty; g_strfreev. One that is not there
 * has none. 0, or -1 TEMP. */
int ph_file_lines(const char *path, char ***lines_r, struct ph_err *err);

/* The text in the place of what was there, durable: after a crash it is the one
 * or the other. Mode 0600. 0, or -1 TEMP. */
int ph_file_replace(const char *path, const char *text, struct ph_err *err);

#endif
