#ifndef PH_SCAN_SCAN_H
#define PH_SCAN_SCAN_H

#include <stddef.h>

/*
 * Scanners: services beside posthub that judge whole messages, clamd and
 * rspamd. What goes to one is pieces that follow each other, so that a message
 * is not copied for it; borrowed.
 */
struct ph_scan_piece {
	const void *data;
	size_t size;
};

/* Bytes in all of them. */
size_t ph_scan_size(const struct ph_scan_piece *pieces, size_t n);

#endif
