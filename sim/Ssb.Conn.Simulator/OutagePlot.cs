namespace Ssb.Conn.Simulator;

internal static class OutagePlot
{
    public static string Write(SimOptions options, string file) => "";
}
