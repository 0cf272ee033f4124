#include "lib/scan/scan.h"

size_t
ph_scan_size(const struct ph_scan_piece *pieces, size_t n)
{
	size_t size = 0;

	for (size_t i = 0; i < n; i++)
		size += pieces[i].size;
	return size;
}
