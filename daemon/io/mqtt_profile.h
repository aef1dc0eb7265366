/* SPDX-License-Identifier: Apache-2.0 */
/* What a session connects with: the options of mqtt.h, copied. */
#ifndef FW_IO_MQTT_PROFILE_H
#define FW_IO_MQTT_PROFILE_H

#include "io/mqtt.h"

struct fw_mqtt_profile {
	char *uri, *client_id, *username, *password, *ca_file, *cert_file, *key_file;
	char **filters;
	int *filter_qos;
	int filter_count;
	int port, keepalive_s, receive_maximum;
	int64_t session_expiry_s, retry_max_ms;
};

void fw_mqtt_profile_init(struct fw_mqtt_profile *p, const struct fw_mqtt_options *options);
void fw_mqtt_profile_clear(struct fw_mqtt_profile *p);

#endif
