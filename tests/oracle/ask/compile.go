package main

import (
	"context"

	resource "k8s.io/api/resource/v1"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/dynamic-resource-allocation/cel"
)

// compileQuestion asks of one device selector whether it would be admitted and what it selects.
//
// Stored asks as the scheduler does, which accepts what any minor version up to this one accepts;
// without it the question is the API server's about a new object.
type compileQuestion struct {
	Expression string         `json:"expression"`
	Stored     bool           `json:"stored"`
	Devices    []driverDevice `json:"devices"`
}

// driverDevice is a device as a ResourceSlice lists it, with the slice's driver.
type driverDevice struct {
	Driver string `json:"driver"`
	resource.Device
}

type compileAnswer struct {
	Compiles bool          `json:"compiles"`
	Error    string        `json:"error,omitempty"`
	Cost     uint64        `json:"cost"`
	Devices  []celSelected `json:"devices,omitempty"`
}

// celSelected says whether the device is selected, or why that cannot be known; such an error ends
// the scheduling of the pod.
type celSelected struct {
	Selected bool   `json:"selected"`
	Error    string `json:"error,omitempty"`
}

func (k *kubernetes) compile(ctx context.Context, q compileQuestion) compileAnswer {
	kind := environment.NewExpressions
	if q.Stored {
		kind = environment.StoredExpressions
	}
	program := cel.GetCompiler(k.celFeatures()).CompileCELExpression(q.Expression, cel.Options{EnvType: &kind})
	if program.Error != nil {
		return compileAnswer{Error: program.Error.Detail}
	}
	reply := compileAnswer{Compiles: true, Cost: program.MaxCost}
	if limit := uint64(resource.CELSelectorExpressionMaxCost); program.MaxCost > limit {
		reply = compileAnswer{Error: "too complex, exceeds cost limit", Cost: program.MaxCost}
	} else if len(q.Expression) > resource.CELSelectorExpressionMaxLength {
		reply = compileAnswer{Error: "too long", Cost: program.MaxCost}
	}
	for _, device := range q.Devices {
		selected, _, err := program.DeviceMatches(ctx, cel.Device{
			Driver:                   device.Driver,
			AllowMultipleAllocations: device.AllowMultipleAllocations,
			Attributes:               device.Attributes,
			Capacity:                 device.Capacity,
		})
		result := celSelected{Selected: selected}
		if err != nil {
			result.Error = err.Error()
		}
		reply.Devices = append(reply.Devices, result)
	}
	return reply
}
