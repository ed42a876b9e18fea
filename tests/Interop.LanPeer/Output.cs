using System.Text.Json.Nodes;

namespace Interop.LanPeer;

/// <summary>Standard output, one value a line.</summary>
internal static class Output
{
    private static readonly Lock s_gate = new();

    public static void Say(JsonObject value)
    {
        lock (s_gate)
            Console.Out.WriteLine(value.ToJsonString());
    }
}
