#ifndef PH_EXTRACT_RTF_PACKED_H
#define PH_EXTRACT_RTF_PACKED_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * RTF as Outlook packs it (MS-OXRTFCP), in a message that it saves and in TNEF.
 * Pure, as ph_extract.
 */

/* What it says that it unpacks to, for a caller's limits. False: it is cut, or
 * nothing of its size unpacks to so much. */
bool ph_rtf_packed_size(const void *data, size_t size, size_t *unpacked_r);
/* Of what is true for the above; no more than that. NULL: it cannot be read. */
GBytes *ph_rtf_unpack(const void *data, size_t size);

#endif
