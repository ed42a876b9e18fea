namespace Ssb.Conn.Simulator;

/// <summary>The pieces of the network: who reaches whom over honest connections.</summary>
internal static class Pieces
{
    /// <summary>How many hosts are in the largest piece. Pubs connect hosts and are not counted; rooms, which pass nothing on, do not connect.</summary>
    public static int Largest(IReadOnlyList<SimHost> hosts)
    {
        var seen = new HashSet<SimNode>();
        int largest = 0;
        foreach (SimHost host in hosts)
        {
            if (seen.Add(host))
                largest = Math.Max(largest, Walk(host, seen));
        }

        return largest;
    }

    private static int Walk(SimNode first, HashSet<SimNode> seen)
    {
        int hosts = 0;
        var next = new Queue<SimNode>([first]);
        while (next.TryDequeue(out SimNode? node))
        {
            hosts += node is SimHost ? 1 : 0;
            foreach (SimConnection end in node.Ends)
            {
                if (end.Other.Owner is { IsHostile: false, IsUp: true } other and not Room && seen.Add(other))
                    next.Enqueue(other);
            }
        }

        return hosts;
    }
}
