using System.Text.Json.Serialization;

namespace Ssb.Conn;

/// <summary>Source-generated JSON of the types of this package, for AOT and trimmed programs. The bytes are those of
/// <c>JSON.stringify</c> whatever encoder the caller's writer has.</summary>
[JsonSerializable(typeof(MultiserverAddress))]
[JsonSerializable(typeof(PeerData))]
[JsonSerializable(typeof(StagedPeer))]
[JsonSerializable(typeof(StagedPeer[]))]
[JsonSerializable(typeof(StagingSnapshot))]
[JsonSerializable(typeof(StagingEvent))]
public sealed partial class StagingJsonContext : JsonSerializerContext;
