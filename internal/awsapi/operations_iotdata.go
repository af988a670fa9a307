package awsapi

import (
	"github.com/aws/aws-sdk-go-v2/service/iotdataplane"
)

// IoTData are the operations of the IoT data plane that the project uses on shadows.
type IoTData struct {
	Options           func() iotdataplane.Options
	DeleteThingShadow Call[iotdataplane.DeleteThingShadowInput, iotdataplane.Options, iotdataplane.DeleteThingShadowOutput]
	GetThingShadow    Call[iotdataplane.GetThingShadowInput, iotdataplane.Options, iotdataplane.GetThingShadowOutput]
	UpdateThingShadow Call[iotdataplane.UpdateThingShadowInput, iotdataplane.Options, iotdataplane.UpdateThingShadowOutput]
}

func newIoTData(c *iotdataplane.Client) *IoTData {
	return &IoTData{
		Options:           c.Options,
		DeleteThingShadow: c.DeleteThingShadow,
		GetThingShadow:    c.GetThingShadow,
		UpdateThingShadow: c.UpdateThingShadow,
	}
}
