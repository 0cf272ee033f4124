#include "lib/scan/rspamd.h"

#include <curl/curl.h>
#include <glib.h>
#include <jansson.h>
#include <string.h>

#define ANSWER_LIMIT ((size_t)1024 * 1024)
#define SYMBOLS_LIMIT 200

/* libcurl would do it at the first use, but not for two threads at once. */
void
ph_rspamd_prepare(void)
{
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

void
ph_rspamd_answer_clear(struct ph_rspamd_answer *answer)
{
	g_free(answer->action);
	g_free(answer->symbols);
	*answer = (struct ph_rspamd_answer){0};
}

/* ---- the answer --------------------------------------------------------- */

static int
compare(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names are those of rspamd's own configuration; others are left out. */
static bool
is_symbol(const char *name)
{
	for (const char *p = name; *p != '\0'; p++)
		if (!g_ascii_isalnum(*p) && *p != '_' && *p != '-')
			return false;
	return *name != '\0';
}

static char *
list_symbols(json_t *symbols)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	const char *name;
	json_t *value;

	json_object_foreach(symbols, name, value)
	{
		if (is_symbol(name) && names->len < SYMBOLS_LIMIT)
			g_ptr_array_add(names, (char *)(uintptr_t)name);
	}
	g_ptr_array_sort(names, compare);
	g_ptr_array_add(names, NULL);
	return g_strjoinv(", ", (char **)names->pdata);
}

int
ph_rspamd_read_answer(const char *json, size_t size,
		      struct ph_rspamd_answer *answer_r, struct ph_err *err)
{
	json_t *root = json_loadb(json, size, 0, NULL);
	const json_t *score = json_object_get(root, "score");
	const char *action = json_string_value(json_object_get(root, "action"));
	int r = 0;

	*answer_r = (struct ph_rspamd_answer){0};
	if (!json_is_number(score) || action == NULL) {
		r = ph_err_set(err, PH_ERR_TEMP,
			       "rspamd's answer has no score or no action");
	} else {
		answer_r->score = json_number_value(score);
		answer_r->action = g_strdup(action);
		answer_r->symbols =
		    list_symbols(json_object_get(root, "symbols"));
	}
	json_decref(root);
	return r;
}

/* ---- the request -------------------------------------------------------- */

struct body {
	const struct ph_scan_piece *pieces;
	size_t n, at, offset; /* of the piece at "at" */
};

static size_t
send_body(char *buffer, size_t size, size_t count, void *data)
{
	struct body *body = data;
	size_t room = size * count, sent = 0;

	while (room > sent && body->at < body->n) {
		const struct ph_scan_piece *piece = &body->pieces[body->at];
		const size_t part =
		    MIN(room - sent, piece->size - body->offset);

		if (part > 0)
			memcpy(buffer + sent,
			       (const char *)piece->data + body->offset, part);
		sent += part;
		body->offset += part;
		if (body->offset == piece->size) {
			body->at++;
			body->offset = 0;
		}
	}
	return sent;
}

static size_t
take_answer(char *data, size_t size, size_t count, void *arg)
{
	GString *answer = arg;

	if (size * count > ANSWER_LIMIT - answer->len)
		return 0;
	g_string_append_len(answer, data, (gssize)(size * count));
	return size * count;
}

/* What a client has said must not become a field of its own. */
static void
add_field(struct curl_slist **fields, const char *name, const char *value)
{
	g_autofree char *line = NULL;

	if (*value == '\0')
		return;
	line = g_strdup_printf("%s: %s", name, value);
	for (char *p = line; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	*fields = curl_slist_append(*fields, line);
}

static struct curl_slist *
make_fields(const struct ph_rspamd_query *query)
{
	struct curl_slist *fields = NULL;

	/* libcurl would wait a second for "100 Continue". */
	fields = curl_slist_append(fields, "Expect:");
	add_field(&fields, "From", *query->sender ? query->sender : "<>");
	for (const char *const *to = query->recipients; *to != NULL; to++)
		add_field(&fields, "Rcpt", *to);
	add_field(&fields, "IP", query->address);
	add_field(&fields, "Hostname", query->name);
	add_field(&fields, "Helo", query->helo);
	add_field(&fields, "User", query->login);
	add_field(&fields, "Queue-Id", query->queue_id);
	return fields;
}

static void
set_target(CURL *curl, const struct ph_endpoint *endpoint)
{
	g_autofree char *url = NULL;

	if (endpoint->unix_socket) {
		curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH,
				 endpoint->host);
		url = g_strdup("http://localhost/checkv2");
	} else if (strchr(endpoint->host, ':') != NULL) {
		url = g_strdup_printf("http://[%s]:%d/checkv2", endpoint->host,
				      endpoint->port);
	} else {
		url = g_strdup_printf("http://%s:%d/checkv2", endpoint->host,
				      endpoint->port);
	}
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
}

static int
perform(CURL *curl, struct ph_err *err)
{
	long status = 0;
	CURLcode code = curl_easy_perform(curl);

	if (code != CURLE_OK)
		return ph_err_set(err, PH_ERR_TEMP, "rspamd: %s",
				  curl_easy_strerror(code));
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200)
		return ph_err_set(err, PH_ERR_TEMP, "rspamd answers %ld",
				  status);
	return 0;
}

int
ph_rspamd_check(const struct ph_endpoint *endpoint,
		const struct ph_rspamd_query *query,
		const struct ph_scan_piece *pieces, size_t n,
		int64_t timeout_ms, struct ph_rspamd_answer *answer_r,
		struct ph_err *err)
{
	struct body body = {.pieces = pieces, .n = n};
	struct curl_slist *fields = make_fields(query);
	g_autoptr(GString) answer = g_string_new(NULL);
	CURL *curl = curl_easy_init();
	int r;

	g_assert(curl != NULL);
	set_target(curl, endpoint);
	curl_easy_setopt(curl, CURLOPT_POST, 1L);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, fields);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
			 (curl_off_t)ph_scan_size(pieces, n));
	curl_easy_setopt(curl, CURLOPT_READFUNCTION, send_body);
	curl_easy_setopt(curl, CURLOPT_READDATA, &body);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	r = perform(curl, err);
	curl_easy_cleanup(curl);
	curl_slist_free_all(fields);
	return r < 0 ? -1
		     : ph_rspamd_read_answer(answer->str, answer->len, answer_r,
					     err);
}
