using System.Security.Cryptography;
using System.Text;

namespace Ssb.Conn.Simulator;

/// <summary>Keys and addresses: the same name gives the same key, in every run.</summary>
internal static class Names
{
    /// <summary>A key as `shs` parts have it.</summary>
    public static string Key(string name) => Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(name)));

    public static FeedId Id(string key) => new(Convert.FromBase64String(key));

    public static MultiserverAddress Net(string host, string key, int port = 8008) => MultiserverAddress.Parse($"net:{host}:{port}~shs:{key}");

    public static MultiserverAddress Tunnel(string room, string key) => MultiserverAddress.Parse($"tunnel:{Id(room)}:{Id(key)}~shs:{key}");
}
