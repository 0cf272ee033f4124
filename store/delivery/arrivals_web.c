#include "lib/base/program.h"
#include "store/delivery/arrivals_private.h"

#include <curl/curl.h>

/* The worker's state is a handle, which keeps the connection. */

static size_t
ignore(char *data, size_t size, size_t n, void *unused)
{
	(void)data, (void)unused;
	return size * n;
}

/* Asked about once a second: a value other than 0 ends the transfer. */
static int
is_stopped(void *outlet, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)a, (void)b, (void)c, (void)d;
	return ph_outlet_stopping(outlet);
}

/* libcurl would do it at the first use, but not for two threads at once. */
void
ph_outlet_web_prepare(void)
{
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

static CURL *
make_handle(struct ph_outlet *outlet)
{
	CURL *curl = curl_easy_init();

	if (!curl)
		return NULL;
	curl_easy_setopt(curl, CURLOPT_URL, (const char *)outlet->target);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)outlet->timeout);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "posthub/" PH_VERSION);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, is_stopped);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, outlet);
	return curl;
}

static int
post(CURL *curl, const char *text, size_t size, struct ph_err *err)
{
	struct curl_slist *fields =
	    curl_slist_append(NULL, "Content-Type: application/json");
	long status = 0;
	CURLcode code;

	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, fields);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)size);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, text);
	code = curl_easy_perform(curl);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(fields);
	if (code != CURLE_OK)
		return ph_err_set(err, PH_ERR_TEMP, "%s",
				  curl_easy_strerror(code));
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 200 && status < 300)
		return 0;
	return ph_err_set(err, PH_ERR_TEMP, "the web server answers %ld",
			  status);
}

static int
send_web(struct ph_outlet *outlet, void **worker, GBytes *const *texts, guint n,
	 struct ph_err *err)
{
	gsize size;
	const char *text = g_bytes_get_data(texts[0], &size);

	(void)n;
	if (!*worker)
		*worker = make_handle(outlet);
	if (!*worker)
		return ph_err_set(err, PH_ERR_TEMP, "no memory");
	return post(*worker, text, size, err);
}

static void
free_web(void *worker)
{
	curl_easy_cleanup(worker);
}

const struct ph_outlet_ops ph_outlet_web = {
    .name = "webhook",
    .limit = 1000,
    .batch = 1,
    .send = send_web,
    .free_worker = free_web,
};
