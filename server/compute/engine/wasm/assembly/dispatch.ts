/** One chunk of a job, by the job's code. */
import { Op } from './opcodes';
import { gemmJob } from './gemm';
import { peakJob } from './peak';
import {
  accumulateAllJob,
  activationGradJob,
  activationJob,
  adamwJob,
  binaryJob,
  broadcastJob,
  dropoutJob,
  fitScaleJob,
  swigluGradJob,
  swigluJob,
  unaryJob,
} from './elementwise';
import {
  columnSumJob,
  rowSumJob,
  softmaxJob,
  squaredNormJob,
  stridedCopyJob,
} from './reduce';
import { combineGradJob, combineJob } from './mixture';
import { normGradJob, normJob } from './norms';
import {
  crossEntropyGradJob,
  crossEntropyJob,
  embeddingGradJob,
  embeddingJob,
  rotaryJob,
} from './tokens';
import { attentionGradJob, attentionJob } from './attention';
import { convGradInputJob, convGradWeightJob, convJob } from './convolution';
import { scanGradJob, scanJob } from './scan';

export function runChunk(op: i32, chunk: i32): void {
  switch (op) {
    case Op.Gemm:
      gemmJob(chunk);
      break;
    case Op.ElementwiseBinary:
      binaryJob(chunk);
      break;
    case Op.Broadcast:
      broadcastJob(chunk);
      break;
    case Op.Unary:
      unaryJob(chunk);
      break;
    case Op.Activation:
      activationJob(chunk);
      break;
    case Op.ActivationGrad:
      activationGradJob(chunk);
      break;
    case Op.RowSum:
      rowSumJob(chunk);
      break;
    case Op.ColumnSum:
      columnSumJob(chunk);
      break;
    case Op.Softmax:
      softmaxJob(chunk);
      break;
    case Op.StridedCopy:
      stridedCopyJob(chunk);
      break;
    case Op.Norm:
      normJob(chunk);
      break;
    case Op.NormGrad:
      normGradJob(chunk);
      break;
    case Op.Embedding:
      embeddingJob(chunk);
      break;
    case Op.EmbeddingGrad:
      embeddingGradJob(chunk);
      break;
    case Op.Rotary:
      rotaryJob(chunk);
      break;
    case Op.Attention:
      attentionJob(chunk);
      break;
    case Op.AttentionGrad:
      attentionGradJob(chunk);
      break;
    case Op.Conv:
      convJob(chunk);
      break;
    case Op.ConvGradInput:
      convGradInputJob(chunk);
      break;
    case Op.ConvGradWeight:
      convGradWeightJob(chunk);
      break;
    case Op.Scan:
      scanJob(chunk);
      break;
    case Op.ScanGrad:
      scanGradJob(chunk);
      break;
    case Op.CrossEntropy:
      crossEntropyJob(chunk);
      break;
    case Op.CrossEntropyGrad:
      crossEntropyGradJob(chunk);
      break;
    case Op.Dropout:
      dropoutJob(chunk);
      break;
    case Op.FitScale:
      fitScaleJob(chunk);
      break;
    case Op.Combine:
      combineJob(chunk);
      break;
    case Op.CombineGrad:
      combineGradJob(chunk);
      break;
    case Op.Swiglu:
      swigluJob(chunk);
      break;
    case Op.SwigluGrad:
      swigluGradJob(chunk);
      break;
    case Op.AccumulateAll:
      accumulateAllJob(chunk);
      break;
    case Op.SquaredNorm:
      squaredNormJob(chunk);
      break;
    case Op.Adamw:
      adamwJob(chunk);
      break;
    case Op.PeakFlops:
      peakJob(chunk);
      break;
    default:
      unreachable();
  }
}
