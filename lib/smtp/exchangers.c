#include "lib/smtp/exchangers.h"

#include "lib/base/text.h"

static int
by_preference(gconstpointer a, gconstpointer b)
{
	const struct ph_dns_record *x = *(struct ph_dns_record *const *)a;
	const struct ph_dns_record *y = *(struct ph_dns_record *const *)b;

	return x->preference < y->preference ? -1
					     : x->preference > y->preference;
}

/* Sorting is stable, so that equals stay shuffled. */
static void
put_in_order(GPtrArray *hosts, GRand *random)
{
	for (guint i = hosts->len; i > 1; i--) {
		guint k = (guint)g_rand_int_range(random, 0, (gint32)i);
		gpointer last = hosts->pdata[i - 1];

		hosts->pdata[i - 1] = hosts->pdata[k];
		hosts->pdata[k] = last;
	}
	g_ptr_array_sort(hosts, by_preference);
}

/* Names that no host has: somebody's typing error, or the null MX beside a
 * real one, which says nothing (RFC 7505 section 3). */
static void
drop_unfit(GPtrArray *hosts)
{
	for (guint i = hosts->len; i > 0; i--) {
		const struct ph_dns_record *host = hosts->pdata[i - 1];

		if (!ph_is_hostname(host->value))
			g_ptr_array_remove_index(hosts, i - 1);
	}
}

static GPtrArray *
itself(const char *domain)
{
	GPtrArray *hosts = g_ptr_array_new_with_free_func(ph_dns_record_free);
	struct ph_dns_record *host = g_new0(struct ph_dns_record, 1);

	host->value = g_strdup(domain);
	g_ptr_array_add(hosts, host);
	return hosts;
}

int
ph_exchangers_hosts(const struct ph_exchangers *exchangers, const char *domain,
		    GRand *random, int64_t deadline, GPtrArray **hosts_r,
		    struct ph_err *err)
{
	const struct ph_dns_record *only;
	int r = exchangers->find(exchangers->ctx, domain, PH_DNS_MX, deadline,
				 hosts_r, err);

	if (r < 0)
		return -1;
	if (r == 0) {
		*hosts_r = itself(domain);
		return 1;
	}
	only = (*hosts_r)->pdata[0];
	if ((*hosts_r)->len == 1 && *only->value == '\0') {
		g_ptr_array_unref(g_steal_pointer(hosts_r));
		return 0;
	}
	drop_unfit(*hosts_r);
	if ((*hosts_r)->len == 0) {
		g_ptr_array_unref(g_steal_pointer(hosts_r));
		return ph_err_set(err, PH_ERR_TEMP,
				  "DNS: %s: no MX that is a host name", domain);
	}
	put_in_order(*hosts_r, random);
	return 1;
}

int
ph_exchangers_addresses(const struct ph_exchangers *exchangers,
			const char *host, int64_t deadline,
			GPtrArray **addresses_r, struct ph_err *err)
{
	static const enum ph_dns_type types[] = {PH_DNS_AAAA, PH_DNS_A};
	GPtrArray *addresses = g_ptr_array_new_with_free_func(g_free);
	bool unknown = false;

	*addresses_r = NULL;
	for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
		g_autoptr(GPtrArray) records = NULL;
		int r = exchangers->find(exchangers->ctx, host, types[i],
					 deadline, &records, err);

		unknown |= r < 0;
		for (guint k = 0; r == 1 && k < records->len; k++) {
			struct ph_dns_record *record = records->pdata[k];

			g_ptr_array_add(addresses,
					g_steal_pointer(&record->value));
		}
	}
	if (addresses->len > 0) {
		*addresses_r = addresses;
		return 1;
	}
	g_ptr_array_unref(addresses);
	return unknown ? -1 : 0;
}
