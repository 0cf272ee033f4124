#ifndef PH_BASE_FILE_H
#define PH_BASE_FILE_H

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

/* The entry of a file that was made, renamed or removed: without it a crash may
 * bring the old name back, or none. 0, or -1. */
int ph_file_sync_entry(const char *path);

#endif
