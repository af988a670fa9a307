package topicrule

import (
	"maps"

	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

func (c codec) openSearch(s *spec.OpenSearchAction, t *types.OpenSearchAction) {
	c.text(&s.RoleARN, &t.RoleArn)
	c.text(&s.Endpoint, &t.Endpoint)
	c.text(&s.Index, &t.Index)
	c.text(&s.Type, &t.Type)
	c.text(&s.ID, &t.Id)
}

func (c codec) kafka(s *spec.KafkaAction, t *types.KafkaAction) {
	c.text(&s.DestinationARN, &t.DestinationArn)
	c.text(&s.Topic, &t.Topic)
	c.optional(&s.Key, &t.Key, "")
	c.optional(&s.Partition, &t.Partition, "")
	list(c, &s.Headers, &t.Headers, func(s *spec.Header, t *types.KafkaActionHeader) {
		c.text(&s.Key, &t.Key)
		c.text(&s.Value, &t.Value)
	})
	if c.encoding {
		t.ClientProperties = maps.Clone(s.ClientProperties)
	} else {
		s.ClientProperties = maps.Clone(t.ClientProperties)
	}
}

func (c codec) location(s *spec.LocationAction, t *types.LocationAction) {
	c.text(&s.RoleARN, &t.RoleArn)
	c.text(&s.TrackerName, &t.TrackerName)
	c.text(&s.DeviceID, &t.DeviceId)
	c.text(&s.Latitude, &t.Latitude)
	c.text(&s.Longitude, &t.Longitude)
	if c.encoding && s.TimestampValue != "" {
		t.Timestamp = &types.LocationTimestamp{}
	}
	if t.Timestamp != nil {
		c.text(&s.TimestampValue, &t.Timestamp.Value)
		c.textOr(&s.TimestampUnit, &t.Timestamp.Unit, "MILLISECONDS")
	}
}

func (c codec) siteWise(s *spec.SiteWiseAction, t *types.IotSiteWiseAction) {
	c.text(&s.RoleARN, &t.RoleArn)
	list(c, &s.Entries, &t.PutAssetPropertyValueEntries,
		func(s *spec.SiteWiseEntry, t *types.PutAssetPropertyValueEntry) {
			c.optional(&s.PropertyAlias, &t.PropertyAlias, "")
			c.optional(&s.AssetID, &t.AssetId, "")
			c.optional(&s.PropertyID, &t.PropertyId, "")
			c.optional(&s.EntryID, &t.EntryId, "")
			list(c, &s.Values, &t.PropertyValues, c.siteWiseValue)
		})
}

func (c codec) siteWiseValue(s *spec.SiteWiseValue, t *types.AssetPropertyValue) {
	if c.encoding {
		t.Timestamp = &types.AssetPropertyTimestamp{}
		t.Value = variant(s.Type, s.Value)
	} else {
		s.Type, s.Value = variantOf(t.Value)
	}
	if t.Timestamp != nil {
		c.text(&s.Seconds, &t.Timestamp.TimeInSeconds)
		c.optional(&s.Nanos, &t.Timestamp.OffsetInNanos, "")
	}
	c.optional(&s.Quality, &t.Quality, "")
}

func variant(kind, text string) types.AssetPropertyVariant {
	switch kind {
	case "boolean":
		return &types.AssetPropertyVariantMemberBooleanValue{Value: text}
	case "double":
		return &types.AssetPropertyVariantMemberDoubleValue{Value: text}
	case "integer":
		return &types.AssetPropertyVariantMemberIntegerValue{Value: text}
	}
	return &types.AssetPropertyVariantMemberStringValue{Value: text}
}

// variantOf is the inverse; a member that is not known equals no desired one.
func variantOf(v types.AssetPropertyVariant) (kind, text string) {
	switch v := v.(type) {
	case *types.AssetPropertyVariantMemberBooleanValue:
		return "boolean", v.Value
	case *types.AssetPropertyVariantMemberDoubleValue:
		return "double", v.Value
	case *types.AssetPropertyVariantMemberIntegerValue:
		return "integer", v.Value
	case *types.AssetPropertyVariantMemberStringValue:
		return "string", v.Value
	}
	return "", ""
}
