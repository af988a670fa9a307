package broker

import (
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
)

func messageProperties(p *packets.Properties) *message.Properties {
	m := &message.Properties{
		UTF8:            p.PayloadFormatFlag && p.PayloadFormat == 1,
		ContentType:     p.ContentType,
		ResponseTopic:   p.ResponseTopic,
		CorrelationData: p.CorrelationData,
		ExpirySeconds:   p.MessageExpiryInterval,
	}
	for _, u := range p.User {
		m.User = append(m.User, message.UserProperty{Key: u.Key, Value: u.Val})
	}
	return m
}

func wireProperties(m *message.Properties) packets.Properties {
	p := packets.Properties{
		ContentType:           m.ContentType,
		ResponseTopic:         m.ResponseTopic,
		CorrelationData:       m.CorrelationData,
		MessageExpiryInterval: min(m.ExpirySeconds, maxExpiry),
	}
	if m.UTF8 {
		p.PayloadFormat, p.PayloadFormatFlag = 1, true
	}
	for _, u := range m.User {
		p.User = append(p.User, packets.UserProperty{Key: u.Key, Val: u.Value})
	}
	return p
}
