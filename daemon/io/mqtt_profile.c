/* SPDX-License-Identifier: Apache-2.0 */
/* What a session connects with; see mqtt_profile.h. */
#include "io/mqtt_profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static char *
make_uri(const struct fw_mqtt_options *o)
{
	bool v6 = strchr(o->host, ':') != NULL;
	char uri[320];

	snprintf(uri, sizeof(uri), "%s://%s%s%s:%d", *o->ca_file ? "ssl" : "tcp", v6 ? "[" : "",
	    o->host, v6 ? "]" : "", o->port);
	return fw_strdup(uri);
}

void
fw_mqtt_profile_init(struct fw_mqtt_profile *p, const struct fw_mqtt_options *o)
{
	*p = (struct fw_mqtt_profile){
	    .uri = make_uri(o),
	    .client_id = fw_strdup(o->client_id),
	    .username = fw_strdup(o->username),
	    .password = fw_strdup(o->password),
	    .ca_file = fw_strdup(o->ca_file),
	    .cert_file = fw_strdup(o->cert_file),
	    .key_file = fw_strdup(o->key_file),
	    .filters = fw_calloc(o->filter_count, sizeof(*p->filters)),
	    .filter_qos = fw_calloc(o->filter_count, sizeof(*p->filter_qos)),
	    .filter_count = (int)o->filter_count,
	    .port = o->port,
	    .keepalive_s = o->keepalive_s,
	    .receive_maximum = o->receive_maximum,
	    .session_expiry_s = o->session_expiry_s,
	    .retry_max_ms = o->retry_max_ms,
	};
	for (int i = 0; i < p->filter_count; i++) {
		p->filters[i] = fw_strdup(o->filters[i]);
		p->filter_qos[i] = 1;
	}
}

void
fw_mqtt_profile_clear(struct fw_mqtt_profile *p)
{
	for (int i = 0; i < p->filter_count; i++)
		free(p->filters[i]);
	free(p->filters);
	free(p->filter_qos);
	free(p->uri);
	free(p->client_id);
	free(p->username);
	free(p->password);
	free(p->ca_file);
	free(p->cert_file);
	free(p->key_file);
}
