using Ssb.Conn.Net;

namespace Ssb.Conn.Cli;

internal static class LanStaging
{
    public static StageResult Stage(ConnStaging s, LanAnnouncement a) =>
        s.TryStage(a.Address, new StagedData { Type = "lan", Key = a.Key, Verified = a.Verified }, $"{a.Interface} {a.Sender}");
}
