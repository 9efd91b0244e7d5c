/** The jobs of the kernels; shared by the assembly and the code that calls it, so it is plain in both languages. */
export enum Op {
  Gemm,
  ElementwiseBinary,
  Broadcast,
  Unary,
  Activation,
  ActivationGrad,
  RowSum,
  ColumnSum,
  Softmax,
  StridedCopy,
  Norm,
  NormGrad,
  Embedding,
  EmbeddingGrad,
  Rotary,
  Attention,
  AttentionGrad,
  Conv,
  ConvGradInput,
  ConvGradWeight,
  Scan,
  ScanGrad,
  CrossEntropy,
  CrossEntropyGrad,
  Dropout,
  FitScale,
  Combine,
  CombineGrad,
  Swiglu,
  SwigluGrad,
  SquaredNorm,
  AccumulateAll,
  Adamw,
  PeakFlops,
}

/** Kinds of ElementwiseBinary and Broadcast; the last two swap the operands. */
export enum Binary {
  Add,
  Subtract,
  Multiply,
  Divide,
  ReverseSubtract,
  ReverseDivide,
}

export enum Unary {
  Exp,
  Negate,
  Square,
}

export enum Activation {
  GeluErf,
  GeluTanh,
  Silu,
  Softplus,
}

/** How Broadcast repeats its second operand over a [rows, columns] first one. */
export enum BroadcastMode {
  Row,
  Column,
  Scalar,
}

/** Entries a chunk of the flat kernels. Fixed: chunk sums are added in order, whatever the thread count. */
export const FLAT_CHUNK = 32768;
/** Rows a chunk of the row kernels. */
export const ROW_CHUNK = 32;
/** Columns a chunk of the column kernels. */
export const COLUMN_CHUNK = 64;
/** Channels that a scan or the gradient of a convolution's weights takes together: one cache line. */
export const CHANNEL_CHUNK = 16;
/** Channels of one sequence that a convolution job takes together. */
export const CONV_CHUNK = 64;
/** Channels in the lanes of one scan. */
export const SCAN_TILE = 8;
/** Most parts of a sequence's channels whose gradients are summed apart: work for as many threads, whatever their number. */
export const SCAN_PARTS = 16;
/** Tiles of channels that the scan's gradient takes through a segment together: two cache lines. */
export const SCAN_GROUP = 4;
/** States and decays that the scan's gradient keeps at a time: what fits a core's cache beside the segment's rows. */
export const SEGMENT_BYTES = 128 * 1024;
/** Chains of multiply-adds, four lanes each, in a round of PeakFlops: with tiles of 8 and of 16 columns. */
export const PEAK_CHAINS = 12;
export const PEAK_CHAINS_WIDE = 24;
