package main

import (
	"context"
	"errors"

	core "k8s.io/api/core/v1"
	resource "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/dynamic-resource-allocation/cel"
	"k8s.io/dynamic-resource-allocation/structured"
)

// allocateQuestion asks on which nodes a pod's claims can be allocated, in a cluster that consists
// of these classes, slices and nodes; Allocated is what other claims already hold.
type allocateQuestion struct {
	Claims    []*resource.ResourceClaim                `json:"claims"`
	Classes   classes                                  `json:"classes"`
	Slices    []*resource.ResourceSlice                `json:"slices"`
	Nodes     []*core.Node                             `json:"nodes"`
	Allocated []resource.DeviceRequestAllocationResult `json:"allocated"`
}

// nodeAnswer has one of an allocation per claim, the reason why this node cannot, and an error that
// ends the scheduling of the pod on all nodes.
type nodeAnswer struct {
	Allocation []resource.AllocationResult `json:"allocation,omitempty"`
	Reason     string                      `json:"reason,omitempty"`
	Error      string                      `json:"error,omitempty"`
}

func (k *kubernetes) allocate(ctx context.Context, q allocateQuestion) (any, error) {
	for _, claim := range q.Claims {
		setDefaults(claim)
	}
	cache := cel.NewCache(100, k.celFeatures())
	allocator, err := structured.NewAllocator(ctx, k.allocatorFeatures(), allocatedState(q.Allocated), q.Classes, q.Slices, cache)
	if err != nil {
		return nil, err
	}
	answers := map[string]nodeAnswer{}
	for _, node := range q.Nodes {
		allocation, err := allocator.Allocate(ctx, node, q.Claims)
		reply := nodeAnswer{Allocation: allocation}
		switch {
		case errors.Is(err, structured.ErrFailedAllocationOnNode):
			reply.Reason = err.Error()
		case err != nil:
			reply.Error = err.Error()
		case allocation == nil:
			// The scheduler says this of a node where the allocator found nothing.
			reply.Reason = "cannot allocate all claims"
		}
		answers[node.Name] = reply
	}
	return answers, nil
}

// setDefaults fills in what the API server fills in when a claim is created; the allocator relies on it.
func setDefaults(claim *resource.ResourceClaim) {
	for i := range claim.Spec.Devices.Requests {
		request := &claim.Spec.Devices.Requests[i]
		if exactly := request.Exactly; exactly != nil {
			setAmount(&exactly.AllocationMode, &exactly.Count)
		}
		for j := range request.FirstAvailable {
			setAmount(&request.FirstAvailable[j].AllocationMode, &request.FirstAvailable[j].Count)
		}
	}
}

func setAmount(mode *resource.DeviceAllocationMode, count *int64) {
	if *mode == "" {
		*mode = resource.DeviceAllocationModeExactCount
	}
	if *mode == resource.DeviceAllocationModeExactCount && *count == 0 {
		*count = 1
	}
}

// allocatedState sums up what other claims hold, as the scheduler does: a device in administrator's
// use counts as free, and a shared one counts by what is consumed of it.
func allocatedState(results []resource.DeviceRequestAllocationResult) structured.AllocatedState {
	state := structured.AllocatedState{
		AllocatedDevices:         sets.New[structured.DeviceID](),
		AllocatedSharedDeviceIDs: sets.New[structured.SharedDeviceID](),
		AggregatedCapacity:       structured.NewConsumedCapacityCollection(),
	}
	for _, result := range results {
		device := structured.MakeDeviceID(result.Driver, result.Pool, result.Device)
		switch {
		case result.AdminAccess != nil && *result.AdminAccess:
		case result.ShareID != nil:
			state.AllocatedSharedDeviceIDs.Insert(structured.MakeSharedDeviceID(device, result.ShareID))
			state.AggregatedCapacity.Insert(structured.NewDeviceConsumedCapacity(device, result.ConsumedCapacity))
		default:
			state.AllocatedDevices.Insert(device)
		}
	}
	return state
}

// classes is the cluster's DeviceClasses.
type classes []*resource.DeviceClass

func (c classes) List() ([]*resource.DeviceClass, error) { return c, nil }

func (c classes) Get(name string) (*resource.DeviceClass, error) {
	for _, class := range c {
		if class.Name == name {
			return class, nil
		}
	}
	return nil, apierrors.NewNotFound(resource.Resource("deviceclasses"), name)
}
