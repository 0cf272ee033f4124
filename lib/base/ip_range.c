#include "lib/base/ip_range.h"

#include "lib/base/text.h"

#include <arpa/inet.h>
#include <glib.h>
#include <string.h>

static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool
parse_address(const char *text, uint8_t address_r[16], bool *v4_r)
{
	struct in_addr v4;
	struct in6_addr v6;

	*v4_r = inet_pton(AF_INET, text, &v4) == 1;
	if (*v4_r) {
		memcpy(address_r, v4_prefix, sizeof v4_prefix);
		memcpy(address_r + sizeof v4_prefix, &v4, sizeof v4);
		return true;
	}
	if (inet_pton(AF_INET6, text, &v6) != 1)
		return false;
	memcpy(address_r, &v6, sizeof v6);
	return true;
}

/* The bits after the first n are 0 in first and 1 in last. */
static void
mask(struct ph_ip_range *range, int n)
{
	for (int i = 0; i < 16; i++) {
		int kept = CLAMP(n - 8 * i, 0, 8);
		uint8_t host = (uint8_t)(0xff >> kept);

		range->first[i] &= (uint8_t)~host;
		range->last[i] |= host;
	}
}

static int
parse_cidr(const char *address, const char *bits, struct ph_ip_range *range_r,
	   struct ph_err *err)
{
	int64_t n;
	bool v4;

	if (!parse_address(address, range_r->first, &v4))
		return ph_err_set(err, PH_ERR_PERM, "is not an IP address");
	if (ph_parse_int(bits, &n, NULL) < 0 || n < 0 || n > (v4 ? 32 : 128))
		return ph_err_set(err, PH_ERR_PERM,
				  "has a wrong number of bits after the /");
	memcpy(range_r->last, range_r->first, sizeof range_r->last);
	mask(range_r, (int)n + (v4 ? 96 : 0));
	return 0;
}

int
ph_ip_range_parse(const char *text, struct ph_ip_range *range_r,
		  struct ph_err *err)
{
	g_auto(GStrv) parts = g_strsplit_set(text, "/-", -1);
	const char *last =
	    parts[0] != NULL && parts[1] != NULL ? parts[1] : parts[0];
	bool v4, last_v4;

	if (parts[0] == NULL || g_strv_length(parts) > 2)
		return ph_err_set(err, PH_ERR_PERM, "is not an IP range");
	if (strchr(text, '/') != NULL)
		return parse_cidr(parts[0], parts[1], range_r, err);
	if (!parse_address(g_strstrip(parts[0]), range_r->first, &v4) ||
	    !parse_address(parts[1] != NULL ? g_strstrip(parts[1]) : last,
			   range_r->last, &last_v4))
		return ph_err_set(err, PH_ERR_PERM, "is not an IP address");
	if (v4 != last_v4 || memcmp(range_r->first, range_r->last, 16) > 0)
		return ph_err_set(err, PH_ERR_PERM,
				  "ends before it begins, or mixes IPv4 and "
				  "IPv6");
	return 0;
}

bool
ph_ip_range_has(const struct ph_ip_range *range, const char *address)
{
	g_autofree char *bare = NULL;
	size_t size = strlen(address);
	uint8_t bytes[16];
	bool v4;

	if (size > 2 && address[0] == '[' && address[size - 1] == ']')
		bare = g_strndup(address + 1, size - 2);
	if (!parse_address(bare != NULL ? bare : address, bytes, &v4))
		return false;
	return memcmp(bytes, range->first, 16) >= 0 &&
	       memcmp(bytes, range->last, 16) <= 0;
}
