package main

import (
	"errors"
	"fmt"
	"strings"
)

// config is the alert handler's environment; its variables are a contract.
type config struct {
	pipeline, prefix               string
	table                          string
	topicARN                       string
	dataEndpoint                   string // a URL; empty: the SDK's own
	queueURL, bucket, bucketPrefix string
}

func loadConfig(getenv func(string) string) (config, error) {
	c := config{
		pipeline:     getenv("IOT_PIPELINE"),
		prefix:       getenv("IOT_TOPIC_PREFIX"),
		table:        getenv("IOT_DEVICE_TABLE"),
		topicARN:     getenv("IOT_ALERT_TOPIC_ARN"),
		dataEndpoint: getenv("IOT_DATA_ENDPOINT"),
		queueURL:     getenv("IOT_DEAD_LETTER_QUEUE_URL"),
		bucket:       getenv("IOT_DEAD_LETTER_BUCKET"),
		bucketPrefix: getenv("IOT_DEAD_LETTER_PREFIX"),
	}
	var problems []error
	for _, required := range []struct{ name, value string }{
		{"IOT_PIPELINE", c.pipeline}, {"IOT_TOPIC_PREFIX", c.prefix}, {"IOT_DEVICE_TABLE", c.table},
		{"IOT_ALERT_TOPIC_ARN", c.topicARN}, {"IOT_DEAD_LETTER_QUEUE_URL", c.queueURL},
	} {
		if required.value == "" {
			problems = append(problems, fmt.Errorf("%s is not set", required.name))
		}
	}
	if len(problems) > 0 {
		return config{}, fmt.Errorf("reading the alert handler's environment: %w", errors.Join(problems...))
	}
	if c.dataEndpoint != "" && !strings.Contains(c.dataEndpoint, "://") {
		c.dataEndpoint = "https://" + c.dataEndpoint
	}
	return c, nil
}
