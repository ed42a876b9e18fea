using System.Text.Json.Serialization;

namespace Ssb.Conn;

/// <summary>Source-generated JSON of the types of this package, for AOT and trimmed programs; <see cref="PeerData"/> and the types of the
/// bench are in <see cref="StagingJsonContext"/>. The bytes are those of <c>JSON.stringify</c> whatever encoder the caller's writer has.</summary>
[JsonSerializable(typeof(DbPeer))]
[JsonSerializable(typeof(DbEvent))]
[JsonSerializable(typeof(HubPeer))]
[JsonSerializable(typeof(ConnPeer))]
[JsonSerializable(typeof(WhyReport))]
public sealed partial class ConnJsonContext : JsonSerializerContext;
