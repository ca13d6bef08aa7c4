package clips

// Figures of the picture. It is a grid of macroblocks, because a macroblock is
// what the encoder either sends whole or skips.
const (
	columns         = 10
	rows            = 6
	mbSize          = 16
	framesPerSecond = 5
	framesPerGOP    = 5 * framesPerSecond
	frameNumBits    = 4
)

// NAL unit headers: reference importance 3 and the type.
const (
	headerSPS = 0x67
	headerPPS = 0x68
	headerIDR = 0x65
	headerP   = 0x61
)

// Slice and macroblock types (tables 7-6, 7-11 and 7-13 of H.264).
const (
	sliceP     = 5
	sliceI     = 7
	typePCM    = 25
	typePCMInP = 5 + typePCM
)

// sps is the sequence parameter set: Constrained Baseline, level 1.3, output
// in coding order, one reference picture, fixed frame rate.
func sps() []byte {
	var w bitWriter
	w.u(8, 66)   // profile_idc: Baseline
	w.u(8, 0xC0) // constraint sets 0 and 1
	w.u(8, 13)   // level_idc
	w.ue(0)      // seq_parameter_set_id
	w.ue(frameNumBits - 4)
	w.ue(2)  // pic_order_cnt_type
	w.ue(1)  // max_num_ref_frames
	w.bit(0) // gaps_in_frame_num_value_allowed_flag
	w.ue(columns - 1)
	w.ue(rows - 1)
	w.bit(1)   // frame_mbs_only_flag
	w.bit(1)   // direct_8x8_inference_flag
	w.bit(0)   // frame_cropping_flag
	w.bit(1)   // vui_parameters_present_flag
	w.u(4, 0)  // no aspect ratio, overscan, signal type, chroma location
	w.bit(1)   // timing_info_present_flag
	w.u(32, 1) // num_units_in_tick: a frame is two ticks
	w.u(32, 2*framesPerSecond)
	w.bit(1)  // fixed_frame_rate_flag
	w.u(4, 0) // no HRD parameters, pic_struct or bitstream restriction
	w.trailing()
	return nalUnit(headerSPS, w.buf)
}

// pps is the picture parameter set: CAVLC, with the deblocking filter under the
// control of the slice, which switches it off.
func pps() []byte {
	var w bitWriter
	w.ue(0)   // pic_parameter_set_id
	w.ue(0)   // seq_parameter_set_id
	w.u(2, 0) // CAVLC; bottom_field_pic_order_in_frame_present_flag
	w.ue(0)   // num_slice_groups_minus1
	w.ue(0)   // num_ref_idx_l0_default_active_minus1
	w.ue(0)   // num_ref_idx_l1_default_active_minus1
	w.u(3, 0) // no weighted prediction
	w.ue(0)   // pic_init_qp_minus26
	w.ue(0)   // pic_init_qs_minus26
	w.ue(0)   // chroma_qp_index_offset
	w.u(3, 4) // deblocking_filter_control_present_flag only
	w.trailing()
	return nalUnit(headerPPS, w.buf)
}

// idrSlice sends every macroblock of the picture. Two IDR pictures in a row
// need different ids.
func idrSlice(p picture, idrID uint32) []byte {
	var w bitWriter
	w.ue(0) // first_mb_in_slice
	w.ue(sliceI)
	w.ue(0)              // pic_parameter_set_id
	w.u(frameNumBits, 0) // frame_num
	w.ue(idrID)
	w.u(2, 0) // dec_ref_pic_marking
	w.ue(0)   // slice_qp_delta
	w.ue(1)   // disable_deblocking_filter_idc
	for _, t := range p.tiles {
		w.ue(typePCM)
		w.pcm(p.ink, t)
	}
	w.trailing()
	return nalUnit(headerIDR, w.buf)
}

// pSlice sends the macroblocks that differ from the picture before and skips
// the others. All motion vectors are zero: no macroblock ever moves one.
func pSlice(p, before picture, frameNum uint32) []byte {
	var w bitWriter
	w.ue(0) // first_mb_in_slice
	w.ue(sliceP)
	w.ue(0) // pic_parameter_set_id
	w.u(frameNumBits, frameNum)
	w.u(3, 0) // default reference list; no weights; dec_ref_pic_marking
	w.ue(0)   // slice_qp_delta
	w.ue(1)   // disable_deblocking_filter_idc
	skipped := uint32(0)
	for i, t := range p.tiles {
		if t == before.tiles[i] {
			skipped++
			continue
		}
		w.ue(skipped)
		skipped = 0
		w.ue(typePCMInP)
		w.pcm(p.ink, t)
	}
	if skipped > 0 {
		w.ue(skipped)
	}
	w.trailing()
	return nalUnit(headerP, w.buf)
}

// pcm writes the samples of one macroblock: 256 of luma, 64 each of Cb and Cr.
func (w *bitWriter) pcm(k ink, t tile) {
	w.align()
	w.buf = t.appendSamples(w.buf, k)
}
