package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/spec"

// LocationRoute updates the position of a device in an Amazon Location tracker.
type LocationRoute struct {
	TrackerName string               `json:"tracker_name"`
	DeviceID    string               `json:"device_id"` // template
	Latitude    string               `json:"latitude"`  // template, in degrees
	Longitude   string               `json:"longitude"` // template, in degrees
	Timestamp   *TimestreamTimestamp `json:"timestamp,omitzero"`
}

func (a *LocationRoute) desired(role string) spec.Action {
	action := &spec.LocationAction{RoleARN: role, TrackerName: a.TrackerName, DeviceID: a.DeviceID,
		Latitude: a.Latitude, Longitude: a.Longitude}
	if t := a.Timestamp; t != nil {
		action.TimestampValue, action.TimestampUnit = t.Value, deref(t.Unit)
	}
	return spec.Action{Location: action}
}

func (a *LocationRoute) grants(n arns) []statement {
	return []statement{allow([]string{"geo:BatchUpdateDevicePosition"}, n.in("geo", "tracker/"+wild(a.TrackerName)))}
}

func (a *LocationRoute) check(c *actionChecker) {
	c.target("tracker_name", a.TrackerName, "tracker")
	c.template("device_id", &a.DeviceID)
	c.template("latitude", &a.Latitude)
	c.template("longitude", &a.Longitude)
	if t := a.Timestamp; t != nil {
		c.template("timestamp.value", &t.Value)
		c.choice(c.arg("timestamp.unit"), t.Unit, TimestreamUnits)
	}
}
