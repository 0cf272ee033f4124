#include "cli/setup.h"

#include "lib/routing/receive.h"

#include <string.h>

/* RFC 8314: TLS from the first byte. */
#define SUBMISSIONS 465

/* One while it is made. */
struct listener {
	char *host; /* "": any */
	int port;
	struct ph_master_service *service;
	GHashTable *said; /* parameter: value that a connector wants */
	GString *note;	  /* names of its connectors */
};

/* ---- one listener -------------------------------------------------------- */

static void
listener_free(gpointer data)
{
	struct listener *listener = data;

	g_free(listener->host);
	ph_master_service_free(listener->service);
	g_hash_table_unref(listener->said);
	g_string_free(listener->note, TRUE);
	g_free(listener);
}

/* One that Postfix has, or else as it ships smtpd. */
static struct ph_master_service *
begin_service(const struct ph_setup *setup, const char *host, int port)
{
	static const char *const columns[] = {"n", "-", "y", "-", "500"};
	const struct ph_master_service *found =
	    ph_master_listener(setup->master, host, port);
	struct ph_master_service *service;

	if (found != NULL)
		return ph_master_service_copy(found);
	service = g_new0(struct ph_master_service, 1);
	service->arguments = g_ptr_array_new_with_free_func(g_free);
	service->name = *host == '\0' ? g_strdup_printf("%d", port)
			: strchr(host, ':') != NULL
			    ? g_strdup_printf("[%s]:%d", host, port)
			    : g_strdup_printf("%s:%d", host, port);
	service->type = g_strdup("inet");
	for (size_t i = 0; i < G_N_ELEMENTS(columns); i++)
		service->columns[i] = g_strdup(columns[i]);
	g_ptr_array_add(service->arguments, g_strdup("smtpd"));
	if (*setup->override != '\0')
		ph_master_service_set(service, "receive_override_options",
				      setup->override);
	return service;
}

static struct listener *
find_listener(const struct ph_setup *setup, GPtrArray *listeners,
	      const char *host, int port)
{
	struct listener *listener;

	for (guint i = 0; i < listeners->len; i++) {
		listener = listeners->pdata[i];
		if (listener->port == port && strcmp(listener->host, host) == 0)
			return listener;
	}
	listener = g_new0(struct listener, 1);
	listener->host = g_strdup(host);
	listener->port = port;
	listener->service = begin_service(setup, host, port);
	listener->said =
	    g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
	listener->note = g_string_new("receive connector");
	g_ptr_array_add(listeners, listener);
	return listener;
}

/* postscreen, for one, does not start with another number of processes, and
 * hands connections on to an smtpd that has no port. */
static int
check_program(const struct listener *listener,
	      const struct ph_object *connector, struct ph_err *err)
{
	const char *program = listener->service->arguments->pdata[0];

	if (strcmp(program, "smtpd") == 0)
		return 0;
	return ph_err_set(err, PH_ERR_PERM,
			  "receive connector %s: in master.cf port %d is "
			  "%s's, not smtpd's; bind the connector to another "
			  "port",
			  ph_object_name(connector), listener->port, program);
}

/* Takes the value. The first one stays. */
static void
say(struct ph_setup *setup, struct listener *listener,
    const struct ph_object *connector, const char *parameter, char *value)
{
	const char *before = g_hash_table_lookup(listener->said, parameter);

	if (before == NULL) {
		g_hash_table_insert(listener->said, (char *)parameter, value);
		return;
	}
	if (strcmp(before, value) != 0)
		g_ptr_array_add(
		    setup->warnings,
		    g_strdup_printf("receive connector %s: %s stays %s, as "
				    "another one has it at the same address "
				    "and port",
				    ph_object_name(connector), parameter,
				    before));
	g_free(value);
}

static int
say_all(struct ph_setup *setup, struct listener *listener,
	const struct ph_object *connector, struct ph_err *err)
{
	g_autoptr(GArray) values = NULL;

	if (ph_setup_values(setup, connector, &values, err) < 0)
		return -1;
	for (guint i = 0; i < values->len; i++) {
		struct ph_setup_value *one =
		    &g_array_index(values, struct ph_setup_value, i);

		say(setup, listener, connector, one->parameter,
		    g_steal_pointer(&one->value));
	}
	return 0;
}

static int
add_connector(struct ph_setup *setup, GPtrArray *listeners,
	      const struct ph_object *connector, struct ph_err *err)
{
	const char *const *list = ph_object_list(connector, "Bindings");

	if (*list == NULL)
		g_ptr_array_add(
		    setup->warnings,
		    g_strdup_printf("receive connector %s: has no Bindings, so "
				    "there is no listener to set up",
				    ph_object_name(connector)));
	for (; *list != NULL; list++) {
		g_autofree char *host = NULL;
		struct listener *listener;
		int port;

		if (!ph_receive_binding(*list, &host, &port))
			return ph_err_set(
			    err, PH_ERR_PERM,
			    "receive connector %s: Bindings: \"%s\" "
			    "is no address:port",
			    ph_object_name(connector), *list);
		listener = find_listener(setup, listeners, host, port);
		if (check_program(listener, connector, err) < 0)
			return -1;
		g_string_append_printf(
		    listener->note, "%s %s",
		    g_str_has_suffix(listener->note->str, "connector") ? ""
								       : ",",
		    ph_object_name(connector));
		if (say_all(setup, listener, connector, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- into master.cf ------------------------------------------------------ */

/* cleanup(8) counts header bytes and hops, so the listener gets one of its
 * own. */
static int
add_cleanup(struct ph_setup *setup, struct listener *listener,
	    struct ph_err *err)
{
	const char *header =
	    g_hash_table_lookup(listener->said, "header_size_limit");
	const char *hops =
	    g_hash_table_lookup(listener->said, "hopcount_limit");
	g_autofree char *its =
	    ph_master_service_get(listener->service, "cleanup_service_name");
	const struct ph_master_service *found = ph_master_find(
	    setup->master, its != NULL ? its : "cleanup", "unix");
	struct ph_master_service *service;

	if (header == NULL && hops == NULL)
		return 0;
	if (found == NULL)
		return ph_err_set(err, PH_ERR_PERM,
				  "master.cf: has no service %s",
				  its != NULL ? its : "cleanup");
	service = ph_master_service_copy(found);
	g_free(service->name);
	service->name =
	    g_strdup_printf("ph-cleanup-%s%s%d", listener->host,
			    *listener->host != '\0' ? "-" : "", listener->port);
	g_strdelimit(service->name, ":", '-');
	if (header != NULL)
		ph_master_service_set(service, "header_size_limit", header);
	if (hops != NULL)
		ph_master_service_set(service, "hopcount_limit", hops);
	ph_master_service_set(listener->service, "cleanup_service_name",
			      service->name);
	ph_master_add(setup->master, service, listener->note->str);
	return 0;
}

/* How much TLS a level demands; what Postfix does not know counts as much. */
static int
strength(const char *level)
{
	if (*level == '\0' || strcmp(level, "none") == 0)
		return 0;
	return strcmp(level, "may") == 0 ? 1 : 2;
}

/* What a connector offers does not lower what the administrator demands. And
 * where TLS begins with the first byte, there is no mail without. */
static void
keep_tls_level(struct ph_setup *setup, struct listener *listener)
{
	static const char name[] = "smtpd_tls_security_level";
	const char *wanted = g_hash_table_lookup(listener->said, name);
	g_autofree char *own = ph_master_service_get(listener->service, name);
	const char *is = own != NULL ? own : setup->tls_level;

	if (listener->port == SUBMISSIONS) {
		g_hash_table_insert(listener->said, (char *)(uintptr_t)name,
				    g_strdup("encrypt"));
		return;
	}
	if (wanted == NULL || strength(is) < 2 || strength(wanted) == 2)
		return;
	if (strength(wanted) == 0)
		g_ptr_array_add(
		    setup->warnings,
		    g_strdup_printf(
			"%s: %s stays %s; AuthMechanism would make it %s",
			listener->service->name, name, is, wanted));
	g_hash_table_remove(listener->said, name);
}

static const char *const elsewhere[] = {"maxproc", "header_size_limit",
					"hopcount_limit", NULL};

static int
finish(struct ph_setup *setup, struct listener *listener, struct ph_err *err)
{
	struct ph_master_service *service = listener->service;
	const char *maxproc = g_hash_table_lookup(listener->said, "maxproc");
	g_autoptr(GList) names = NULL;

	keep_tls_level(setup, listener);
	names = g_list_sort(g_hash_table_get_keys(listener->said),
			    (GCompareFunc)strcmp);
	for (const GList *name = names; name != NULL; name = name->next)
		if (!g_strv_contains(elsewhere, name->data))
			ph_master_service_set(
			    service, name->data,
			    g_hash_table_lookup(listener->said, name->data));
	if (listener->port == SUBMISSIONS)
		ph_master_service_set(service, "smtpd_tls_wrappermode", "yes");
	if (maxproc != NULL) {
		g_free(service->columns[4]);
		service->columns[4] = g_strdup(maxproc);
	}
	if (add_cleanup(setup, listener, err) < 0)
		return -1;
	g_strdelimit(listener->note->str, "\r\n", ' ');
	ph_master_add(setup->master, g_steal_pointer(&listener->service),
		      listener->note->str);
	return 0;
}

static int
compare(gconstpointer a, gconstpointer b)
{
	return ph_receive_compare(*(const struct ph_object *const *)a,
				  *(const struct ph_object *const *)b);
}

int
ph_setup_listeners(struct ph_setup *setup, const GPtrArray *connectors,
		   struct ph_err *err)
{
	g_autoptr(GPtrArray) listeners =
	    g_ptr_array_new_with_free_func(listener_free);
	g_autoptr(GPtrArray) sorted = g_ptr_array_new();

	for (guint i = 0; i < connectors->len; i++)
		g_ptr_array_add(sorted, connectors->pdata[i]);
	g_ptr_array_sort(sorted, compare);
	for (guint i = 0; i < sorted->len; i++)
		if (add_connector(setup, listeners, sorted->pdata[i], err) < 0)
			return -1;
	for (guint i = 0; i < listeners->len; i++)
		if (finish(setup, listeners->pdata[i], err) < 0)
			return -1;
	return 0;
}
