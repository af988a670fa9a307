package pipeline

import (
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// SiteWiseQualities are the values of quality [IoT-SQL 17 iotSiteWise].
var SiteWiseQualities = Choice{Values: []string{"GOOD", "BAD", "UNCERTAIN"}}

// IoTSiteWiseRoute writes values of asset properties.
type IoTSiteWiseRoute struct {
	Entries []SiteWiseEntry `json:"put_asset_property_value_entries"`
}

// SiteWiseEntry is one property, by its alias or by its ID and that of its asset. All texts are templates.
type SiteWiseEntry struct {
	PropertyAlias  *string         `json:"property_alias,omitzero"`
	AssetID        *string         `json:"asset_id,omitzero"`
	PropertyID     *string         `json:"property_id,omitzero"`
	EntryID        *string         `json:"entry_id,omitzero"`
	PropertyValues []SiteWiseValue `json:"property_values"`
}

// SiteWiseValue is a value of a property at a time.
type SiteWiseValue struct {
	Value     SiteWiseVariant   `json:"value"`
	Timestamp SiteWiseTimestamp `json:"timestamp"`
	Quality   *string           `json:"quality,omitzero"` // "GOOD", "BAD", "UNCERTAIN" or a template
}

// SiteWiseVariant holds one value, as text.
type SiteWiseVariant struct {
	BooleanValue *string `json:"boolean_value,omitzero"`
	DoubleValue  *string `json:"double_value,omitzero"`
	IntegerValue *string `json:"integer_value,omitzero"`
	StringValue  *string `json:"string_value,omitzero"`
}

// typed is a value, as text, with its type.
type typed struct {
	kind string
	text *string
}

// set are the values that are set; one is right.
func (v SiteWiseVariant) set() []typed {
	all := []typed{{"boolean", v.BooleanValue}, {"double", v.DoubleValue}, {"integer", v.IntegerValue},
		{"string", v.StringValue}}
	return slices.DeleteFunc(all, func(t typed) bool { return t.text == nil })
}

// SiteWiseTimestamp is a time since the epoch.
type SiteWiseTimestamp struct {
	TimeInSeconds string  `json:"time_in_seconds"`
	OffsetInNanos *string `json:"offset_in_nanos,omitzero"`
}

func (a *IoTSiteWiseRoute) desired(role string) spec.Action {
	action := &spec.SiteWiseAction{RoleARN: role}
	for _, e := range a.Entries {
		entry := spec.SiteWiseEntry{PropertyAlias: deref(e.PropertyAlias), AssetID: deref(e.AssetID),
			PropertyID: deref(e.PropertyID), EntryID: deref(e.EntryID)}
		for _, v := range e.PropertyValues {
			value := spec.SiteWiseValue{Seconds: v.Timestamp.TimeInSeconds, Nanos: deref(v.Timestamp.OffsetInNanos),
				Quality: deref(v.Quality)}
			if set := v.Value.set(); len(set) > 0 {
				value.Type, value.Value = set[0].kind, *set[0].text
			}
			entry.Values = append(entry.Values, value)
		}
		action.Entries = append(action.Entries, entry)
	}
	return spec.Action{IoTSiteWise: action}
}

// An alias names a time series or a property of any asset; AWS decides by the asset or the time series.
func (a *IoTSiteWiseRoute) grants(n arns) []statement {
	resources := map[string]bool{}
	for _, e := range a.Entries {
		if e.AssetID != nil {
			resources[n.in("iotsitewise", "asset/"+wild(*e.AssetID))] = true
			continue
		}
		resources[n.in("iotsitewise", "asset/*")] = true
		resources[n.in("iotsitewise", "time-series/*")] = true
	}
	return []statement{allow([]string{"iotsitewise:BatchPutAssetPropertyValue"}, sortedKeys(resources)...)}
}

func (a *IoTSiteWiseRoute) check(c *actionChecker) {
	path := c.arg("put_asset_property_value_entries")
	if len(a.Entries) == 0 && c.known(path) {
		c.fail(path, "IoT SiteWise needs an entry", "The action writes nothing. Add an entry, or remove the action.")
	}
	for i, e := range a.Entries {
		at := item(path, i)
		c.templatesAt(at, map[string]*string{"property_alias": e.PropertyAlias, "asset_id": e.AssetID,
			"property_id": e.PropertyID, "entry_id": e.EntryID})
		byAlias, byID := e.PropertyAlias != nil, e.AssetID != nil && e.PropertyID != nil
		if byAlias == byID || byAlias && (e.AssetID != nil || e.PropertyID != nil) {
			c.fail(at, "An entry names one property",
				"Set either property_alias, or both asset_id and property_id.")
		}
		for j, v := range e.PropertyValues {
			v.check(c, item(at+".property_values", j))
		}
	}
}

func (v *SiteWiseValue) check(c *actionChecker, at string) {
	set := v.Value.set()
	for _, s := range set {
		c.templateAt(at+".value."+s.kind+"_value", *s.text)
	}
	if len(set) != 1 && c.known(at+".value") {
		c.fail(at+".value", "A value has one type",
			"Set exactly one of boolean_value, double_value, integer_value and string_value.")
	}
	c.templatesAt(at+".timestamp", map[string]*string{"time_in_seconds": &v.Timestamp.TimeInSeconds,
		"offset_in_nanos": v.Timestamp.OffsetInNanos})
	c.templatesAt(at, map[string]*string{"quality": v.Quality})
	if v.Quality != nil && !strings.Contains(*v.Quality, "${") {
		c.choice(at+".quality", v.Quality, SiteWiseQualities)
	}
}
